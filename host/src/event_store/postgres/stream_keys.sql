-- The keys of some streams; without wrapped_key where the key was dropped.
SELECT stream_id, master_key_id, wrapped_key FROM stream_keys WHERE stream_id = ANY ($1::text[])
