-- Those who tell one history take their turns, each before its transaction has written anything: so its events come out of the log
-- in the order of their versions.
SELECT pg_advisory_xact_lock(hashtextextended('foldhost history ' || $1, 0))
