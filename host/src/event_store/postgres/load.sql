-- A snapshot of the schema asked for, if there is one, and the first page behind it: one query is 1.3 times as fast as two.
-- The snapshot comes first, as the row without an event type. One whose version is beyond the stream's head is foreign and
-- passed over: it would leave the aggregate at a version that no append can follow.
WITH snapshot AS MATERIALIZED (
    SELECT s.version, s.state_encoding, s.state_data FROM snapshots s
    WHERE s.stream_id = $1 AND s.state_schema = $2
      AND EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = s.version))
SELECT s.version AS "version!", NULL::text AS event_type, s.state_data AS "data!", s.state_encoding AS encoding
FROM snapshot s
UNION ALL
(SELECT e.version, e.event_type, e.event_data, NULL
 FROM events e
 WHERE e.stream_id = $1 AND e.version > COALESCE((SELECT s.version FROM snapshot s), 0)
 ORDER BY e.version
 LIMIT $3)
