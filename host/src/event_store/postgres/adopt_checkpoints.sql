-- What was acknowledged before the restore stays acknowledged, under the new epoch. No host runs: whoever held a lease when the
-- backup was taken would only keep the first reader waiting.
WITH adopted AS (
    UPDATE subscriptions
    SET epoch = CASE WHEN epoch IS NOT NULL THEN $1::bigint END, reader = NULL, leased_until = NULL
    RETURNING epoch)
SELECT count(a.epoch) AS "adopted!" FROM adopted a
