-- Puts the checkpoint somewhere else (all null: the beginning), and says whether that is a place in the log. Whoever reads
-- gets no further acknowledgement through, and keeps the lease: should another reader take over at once, two would be at work.
WITH place AS (
    SELECT $2::bigint AS epoch, $3::bigint::text::xid8 AS transaction_id, $4::bigint AS global_position),
reset AS (
    UPDATE subscriptions s
    SET epoch = p.epoch, transaction_id = p.transaction_id, global_position = p.global_position,
        acknowledged_at = NULL, token = nextval('subscription_tokens')
    FROM place p
    WHERE s.name = $1 AND (p.epoch IS NULL OR p.transaction_id < pg_snapshot_xmin(pg_current_snapshot()))
    RETURNING s.name)
SELECT EXISTS (SELECT FROM reset) AS "is_reset!",
       EXISTS (SELECT FROM subscriptions s WHERE s.name = $1) AS "is_known!"
