-- The append of most statements: every stream wins, or nothing is done. One row an event, no commands to be remembered.
--
-- Whatever stands against one stream fails the statement whole: a division by zero where the stream is fenced, closed or not at
-- the expected version, and the primary key where it lost a race. Then append_contested.sql is sent with the same batches, which
-- decides stream by stream and says why. So nothing has to be kept for an answer here: no ON CONFLICT, no CTE, no RETURNING, no
-- rows, which was a fifth of the time. (Not a null for the version: Postgres would put the whole row into its log.)
--
-- $1-$8  a row an event: stream id, version, whether it is the first of its batch, the number of its fence (from 1; null for a
--        reducer linked into the host), type, data, metadata, and the cipher of its data
-- $9-$10 a row a fence: a reducer's name and generation, names in order
INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
SELECT u.stream_id,
       u.version / (NOT u.is_first
                    OR (u.fence IS NULL OR (SELECT fence_holds($9::text[], $10::bigint[]))[u.fence]) IS TRUE
                       AND COALESCE(head.version, 0) = u.version - 1 AND head.closed IS NOT TRUE)::int,
       u.event_type, u.event_data, u.metadata::jsonb, u.sealed
FROM unnest($1::text[], $2::bigint[], $3::bool[], $4::int[], $5::text[], $6::bytea[], $7::text[], $8::smallint[])
     AS u(stream_id, version, is_first, fence, event_type, event_data, metadata, sealed)
-- The primary key alone would let a version beyond the head through, so the head is compared: an index lookup a stream, which
-- sees whether the stream was closed as well.
LEFT JOIN LATERAL (
    SELECT e.version, e.event_type = '$stream-closed' AS closed FROM events e
    WHERE u.is_first AND e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1) head ON true
-- So that two statements never wait for each other crosswise.
ORDER BY u.stream_id COLLATE "C", u.version
