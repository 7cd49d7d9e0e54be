-- The data of some events, in the order asked for.
SELECT e.event_data
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS u(stream_id, version, no)
CROSS JOIN LATERAL (
    SELECT e.event_data FROM events e WHERE e.stream_id = u.stream_id AND e.version = u.version LIMIT 1) e
ORDER BY u.no
