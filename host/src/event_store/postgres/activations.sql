-- The activations of one name ($1) below a generation ($2), the newest first, $3 at most.
SELECT a.name, a.generation, a.digest, d.descriptor, a.activated_at, a.effects, a.kind, a.canary_digest,
       c.descriptor AS "canary_descriptor?", a.canary_share, a.journal, a.activated_by, a.reason, a.policy,
       a.verification_id::text
FROM activations a
JOIN reducers d ON d.digest = a.digest
LEFT JOIN reducers c ON c.digest = a.canary_digest
WHERE a.name = $1 AND a.generation < COALESCE($2, 9223372036854775807)
ORDER BY a.generation DESC
LIMIT $3
