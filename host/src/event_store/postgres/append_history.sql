-- The next event of a history ($1), under lock_history.sql.
INSERT INTO events (stream_id, version, event_type, event_data, metadata)
SELECT $1, COALESCE((SELECT e.version FROM events e WHERE e.stream_id = $1 ORDER BY e.version DESC LIMIT 1), 0) + 1, $2, $3, $4::jsonb
