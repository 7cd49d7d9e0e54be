-- One more generation, and the row that every append of this reducer looks at.
WITH activation AS (
    INSERT INTO activations (name, generation, digest, effects, kind, canary_digest, canary_share, journal, activated_by, reason,
                             policy, verification_id)
    SELECT $1, COALESCE(max(a.generation), 0) + 1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::text::uuid
    FROM activations a WHERE a.name = $1
    RETURNING name, generation, digest)
INSERT INTO active_reducers AS r (name, generation, digest)
SELECT name, generation, digest FROM activation
ON CONFLICT (name) DO UPDATE SET generation = EXCLUDED.generation, digest = EXCLUDED.digest
RETURNING generation
