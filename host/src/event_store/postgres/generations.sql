-- The code behind every activation of some reducers. A row is never changed, so what was read once holds.
SELECT name, generation, digest FROM activations WHERE name = ANY ($1::text[])
