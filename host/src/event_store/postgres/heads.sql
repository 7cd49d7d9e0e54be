-- The heads of some streams, in the order asked for; 0 for a stream without events.
SELECT COALESCE((SELECT e.version FROM events e WHERE e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1), 0) AS "head!"
FROM unnest($1::text[]) WITH ORDINALITY AS u(stream_id, no)
ORDER BY u.no
