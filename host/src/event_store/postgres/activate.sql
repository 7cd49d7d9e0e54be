-- One more generation ($12), the row that every append of this reducer looks at, what its history tells of it, and the news: under
-- lock_history.sql and lock_active_reducers.sql. In one statement: appends wait meanwhile.
--
-- $13 is the generation that was active when all of this was written down, 0 for none. Where another is by now, changed by hand,
-- nothing is done, and no row comes back.
-- $14-$17 the event that tells of it: stream, type, data, metadata
-- $18     the notification
WITH activation AS (
    INSERT INTO activations (name, generation, digest, effects, kind, canary_digest, canary_share, journal, activated_by, reason,
                             policy, verification_id)
    SELECT $1, $12, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::text::uuid
    WHERE COALESCE((SELECT r.generation FROM active_reducers r WHERE r.name = $1), 0) = $13
    RETURNING name, generation, digest),
active AS (
    INSERT INTO active_reducers AS r (name, generation, digest)
    SELECT name, generation, digest FROM activation
    ON CONFLICT (name) DO UPDATE SET generation = EXCLUDED.generation, digest = EXCLUDED.digest),
told AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT $14, COALESCE((SELECT e.version FROM events e WHERE e.stream_id = $14 ORDER BY e.version DESC LIMIT 1), 0) + 1,
           $15, $16, $17::jsonb
    FROM activation)
SELECT pg_notify('foldhost_reducers', $18) FROM activation
