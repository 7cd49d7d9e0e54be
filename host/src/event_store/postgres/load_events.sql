-- A page of one stream, for a fold. Paged by version: an unbounded read makes the planner sort the table.
SELECT version, event_type, event_data
FROM events
WHERE stream_id = $1 AND version > $2
ORDER BY version
LIMIT $3
