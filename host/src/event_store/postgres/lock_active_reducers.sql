-- Activations of one name take their turns; the first one has no row yet that could be locked. It is the lock that appends
-- share: the swap waits for those in progress, and those to come wait for it.
SELECT pg_advisory_xact_lock(hashtextextended('foldhost activation ' || $1, 0))
