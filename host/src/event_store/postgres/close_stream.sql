-- The closing event, behind the head. The caller holds the stream's lock; an append that got there before makes this come back
-- empty.
INSERT INTO events (stream_id, version, event_type, event_data)
VALUES ($1, $2, '$stream-closed', '')
ON CONFLICT (stream_id, version) DO NOTHING
RETURNING version
