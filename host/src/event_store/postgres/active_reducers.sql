SELECT a.name, a.generation, a.digest, d.descriptor, a.activated_at, a.effects, a.kind, a.canary_digest,
       c.descriptor AS "canary_descriptor?", a.canary_share, a.journal, a.activated_by, a.reason, a.policy,
       a.verification_id::text
FROM active_reducers r
JOIN activations a ON a.name = r.name AND a.generation = r.generation
JOIN reducers d ON d.digest = a.digest
LEFT JOIN reducers c ON c.digest = a.canary_digest
WHERE $1::text IS NULL OR r.name = $1
ORDER BY r.name
