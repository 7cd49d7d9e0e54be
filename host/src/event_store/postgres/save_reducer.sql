INSERT INTO reducers (digest, name, descriptor, component, deployed_by)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (digest) DO NOTHING
