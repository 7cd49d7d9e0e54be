SELECT r.name, r.generation, r.digest, d.descriptor, a.activated_at, a.effects
FROM active_reducers r
JOIN reducers d ON d.digest = r.digest
JOIN activations a ON a.name = r.name AND a.generation = r.generation
WHERE $1::text IS NULL OR r.name = $1
ORDER BY r.name
