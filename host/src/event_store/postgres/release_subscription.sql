-- Gives the lease back. The token stays: until somebody takes over, the last acknowledgements may still come.
UPDATE subscriptions s
SET reader = NULL, leased_until = NULL
WHERE s.name = $1 AND s.token = $2 AND s.reader IS NOT NULL
