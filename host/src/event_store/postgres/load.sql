-- A readable snapshot, if there is one, and the first page behind it: one query is 1.3 times as fast as two. The snapshot
-- comes first, as the row without an event type. One whose version is beyond the stream's head is foreign and passed over: it
-- would leave the aggregate at a version that no append can follow. (Asked for by the version itself: EXISTS was planned as a
-- join, which read the stream up to the snapshot.)
WITH snapshot AS MATERIALIZED (
    SELECT s.version, s.state_encoding, s.state_data, s.state_digest, s.sealed FROM snapshots s
    WHERE s.stream_id = $1 AND s.state_schema = $2 AND ($5::bytea IS NULL OR s.reducer_digest = $5)
      AND (SELECT e.version FROM events e WHERE e.stream_id = $1 AND e.version = s.version) IS NOT NULL)
SELECT s.version AS "version!", NULL::text AS event_type, s.state_data AS "data!", s.sealed,
       s.state_encoding AS encoding, s.state_digest
FROM snapshot s
UNION ALL
(SELECT p.version, p.event_type, p.event_data, p.sealed, NULL, NULL
 FROM (SELECT e.version, e.event_type, e.event_data, e.sealed,
              sum(octet_length(e.event_data)) OVER (ORDER BY e.version) - octet_length(e.event_data) AS bytes_before
       FROM events e
       WHERE e.stream_id = $1 AND e.version > COALESCE((SELECT s.version FROM snapshot s), 0)
       ORDER BY e.version
       LIMIT $3) p
 WHERE p.bytes_before < $4
 ORDER BY p.version)
