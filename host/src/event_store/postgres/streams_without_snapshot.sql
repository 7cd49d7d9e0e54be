-- Streams between $1 and $2 that have a snapshot, and none of the schema $3; $4 at most.
SELECT DISTINCT s.stream_id FROM snapshots s
WHERE s.stream_id > $1 AND s.stream_id < $2
  AND NOT EXISTS (SELECT FROM snapshots n WHERE n.stream_id = s.stream_id AND n.state_schema = $3)
ORDER BY s.stream_id
LIMIT $4
