-- Told when this transaction commits, and never in an append.
SELECT pg_notify('foldhost_reducers', $1)
