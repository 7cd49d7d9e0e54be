-- Activations of one name take their turns; the first one has no row yet that could be locked.
SELECT pg_advisory_xact_lock(hashtextextended('foldhost activation ' || $1, 0))
