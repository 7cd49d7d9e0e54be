-- A readable snapshot, if there is one, and the first page behind it: one query is 1.3 times as fast as two. The snapshot
-- comes first, as the row without an event type. One whose version is beyond the stream's head is foreign and passed over: it
-- would leave the aggregate at a version that no append can follow. (Asked for by the version itself: EXISTS was planned as a
-- join, which read the stream up to the snapshot.)
--
-- Data larger than $4 bytes stay behind, and only their size is told: large_data.sql brings those that the page has room for.
-- (A running sum that ended the page here was a third of the query.)
WITH snapshot AS MATERIALIZED (
    SELECT s.version, s.state_encoding, s.state_data, s.state_digest, s.sealed FROM snapshots s
    WHERE s.stream_id = $1 AND s.state_schema = $2 AND ($5::bytea IS NULL OR s.reducer_digest = $5)
      AND (SELECT e.version FROM events e WHERE e.stream_id = $1 AND e.version = s.version) IS NOT NULL)
SELECT s.version AS "version!", NULL::text AS event_type, s.state_data AS event_data, s.sealed,
       s.state_encoding AS encoding, s.state_digest, NULL::int AS large_bytes
FROM snapshot s
UNION ALL
(SELECT e.version, e.event_type, CASE WHEN octet_length(e.event_data) <= $4 THEN e.event_data END, e.sealed, NULL, NULL,
        CASE WHEN octet_length(e.event_data) > $4 THEN octet_length(e.event_data) END
 FROM events e
 WHERE e.stream_id = $1 AND e.version > COALESCE((SELECT s.version FROM snapshot s), 0)
 ORDER BY e.version
 LIMIT $3)
