-- A page of one stream, with everything that was recorded.
SELECT version, event_type, event_data, metadata, created_at
FROM events
WHERE stream_id = $1 AND version > $2
ORDER BY version
LIMIT $3
