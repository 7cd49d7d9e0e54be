-- append.sql, and the effects that were decided with the events. One statement, so that both are durable or neither is: whatever
-- stands against one stream fails the whole of it.
--
-- $1-$8   a row an event, $9-$10 a row a fence: as in append.sql
-- $11-$18 a row an effect: id, stream id, generation of the reducer, kind, lane, delay in seconds, body, and its cipher
WITH effect AS (
    INSERT INTO effects (effect_id, stream_id, generation, kind, lane, due_at, body, sealed)
    SELECT f.effect_id, f.stream_id, f.generation, f.kind, f.lane, now() + make_interval(secs => f.delay_s), f.body, f.sealed
    FROM unnest($11::text[]::uuid[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::float8[], $17::bytea[],
                $18::smallint[]) AS f(effect_id, stream_id, generation, kind, lane, delay_s, body, sealed))
INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
SELECT u.stream_id,
       u.version / (NOT u.is_first
                    OR (u.fence IS NULL OR (SELECT fence_holds($9::text[], $10::bigint[]))[u.fence]) IS TRUE
                       AND COALESCE(head.version, 0) = u.version - 1 AND head.closed IS NOT TRUE)::int,
       u.event_type, u.event_data, u.metadata::jsonb, u.sealed
FROM unnest($1::text[], $2::bigint[], $3::bool[], $4::int[], $5::text[], $6::bytea[], $7::text[], $8::smallint[])
     AS u(stream_id, version, is_first, fence, event_type, event_data, metadata, sealed)
LEFT JOIN LATERAL (
    SELECT e.version, e.event_type = '$stream-closed' AS closed FROM events e
    WHERE u.is_first AND e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1) head ON true
ORDER BY u.stream_id COLLATE "C", u.version
