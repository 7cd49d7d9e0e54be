-- A page of one stream before a version, the newest event first.
--
-- Data larger than $4 bytes stay behind, and only their size is told: large_data.sql brings those that the page has room for.
-- (A running sum that ended the page here was a third of the query.)
SELECT e.version, e.event_type,
       CASE WHEN octet_length(e.event_data) <= $4 THEN e.event_data END AS event_data,
       CASE WHEN octet_length(e.event_data) > $4 THEN octet_length(e.event_data) END AS large_bytes,
       e.sealed, e.metadata, e.created_at
FROM events e
WHERE e.stream_id = $1 AND e.version < $2
ORDER BY e.version DESC
LIMIT $3
