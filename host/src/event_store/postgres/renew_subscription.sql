-- Holds the lease for another $3 seconds, unless somebody else took over. A renewal that was overtaken by its reader's own
-- release finds no reader, and must not bring it back.
UPDATE subscriptions s
SET leased_until = clock_timestamp() + make_interval(secs => $3)
WHERE s.name = $1 AND s.token = $2 AND s.reader IS NOT NULL
