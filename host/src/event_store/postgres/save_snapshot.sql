-- Never replaces a newer snapshot of the same schema: two hosts write in any order.
INSERT INTO snapshots AS s (stream_id, version, state_schema, reducer_digest, state_encoding, state_data)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (stream_id) DO UPDATE
SET version = EXCLUDED.version, state_schema = EXCLUDED.state_schema, reducer_digest = EXCLUDED.reducer_digest,
    state_encoding = EXCLUDED.state_encoding, state_data = EXCLUDED.state_data, created_at = now()
WHERE s.state_schema <> EXCLUDED.state_schema OR s.version < EXCLUDED.version
