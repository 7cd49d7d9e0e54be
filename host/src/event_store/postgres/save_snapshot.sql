-- One for each schema: the former generation's stays for the way back. Never replaces a newer snapshot: two hosts write in any order.
-- But one beyond the stream's head is replaced: it is from before a recovery to an earlier moment, nobody reads it, and it would keep
-- all others out.
WITH
-- A stream whose key was dropped has no snapshot any more, and one that was on its way is not to come behind it. The lock is
-- waited for, and then sees the row as it is.
key AS MATERIALIZED (SELECT k.dropped_at FROM stream_keys k WHERE k.stream_id = $1 FOR SHARE)
INSERT INTO snapshots AS s (stream_id, version, state_schema, reducer_digest, state_encoding, state_data, state_digest, sealed)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE NOT EXISTS (SELECT FROM key WHERE key.dropped_at IS NOT NULL)
  -- Nor one of a version that the stream has not, or not any more: the stream would grow to it by other events.
  AND (SELECT e.version FROM events e WHERE e.stream_id = $1 AND e.version = $2) IS NOT NULL
ON CONFLICT (stream_id, state_schema) DO UPDATE
SET version = EXCLUDED.version, reducer_digest = EXCLUDED.reducer_digest,
    state_encoding = EXCLUDED.state_encoding, state_data = EXCLUDED.state_data, state_digest = EXCLUDED.state_digest,
    sealed = EXCLUDED.sealed, created_at = now()
WHERE s.version < EXCLUDED.version
   OR NOT EXISTS (SELECT FROM events e WHERE e.stream_id = s.stream_id AND e.version = s.version)
