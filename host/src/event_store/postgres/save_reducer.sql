INSERT INTO reducers (digest, name, descriptor, component)
VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING
