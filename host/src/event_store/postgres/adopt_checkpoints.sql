-- What was acknowledged before the restore stays acknowledged, under the new epoch. No host runs: whoever held a lease when the
-- backup was taken would only keep the first reader waiting. A checkpoint beyond the ids that this cluster has given out, made by
-- a subscription that began "now" in another, would skip all that is appended until the ids have come that far.
WITH adopted AS (
    UPDATE subscriptions
    SET epoch = CASE WHEN epoch IS NOT NULL THEN $1::bigint END, reader = NULL, leased_until = NULL,
        global_position = CASE WHEN transaction_id > pg_snapshot_xmin(pg_current_snapshot()) THEN 0 ELSE global_position END,
        transaction_id = CASE WHEN transaction_id > pg_snapshot_xmin(pg_current_snapshot())
                              THEN pg_snapshot_xmin(pg_current_snapshot()) ELSE transaction_id END
    RETURNING epoch)
SELECT count(a.epoch) AS "adopted!" FROM adopted a
