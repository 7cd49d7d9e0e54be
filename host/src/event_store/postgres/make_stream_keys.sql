-- A key for each stream that has none. Of two hosts that make one in the same moment, the first one's is kept.
INSERT INTO stream_keys (stream_id, master_key_id, wrapped_key)
SELECT u.stream_id, u.master_key_id, u.wrapped_key
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS u(stream_id, master_key_id, wrapped_key)
ORDER BY u.stream_id COLLATE "C"
ON CONFLICT (stream_id) DO NOTHING
