-- What is kept under a name ($1), the newest first, $2 at most; or of one digest ($3).
SELECT digest, descriptor, octet_length(component) AS "bytes!", created_at, deployed_by
FROM reducers
WHERE ($1::text IS NULL OR name = $1) AND ($3::bytea IS NULL OR digest = $3)
ORDER BY created_at DESC, digest
LIMIT $2
