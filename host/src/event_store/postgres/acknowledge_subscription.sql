-- Moves the checkpoint to a cursor ($3 epoch, $4 transaction id, $5 position), and never back; says why not where it did not.
-- What stands at or above the oldest transaction still open was handed out to nobody, and events could still come before it.
WITH place AS (
    SELECT $4::bigint::text::xid8 AS transaction_id, $5::bigint AS global_position,
           $4::bigint::text::xid8 < pg_snapshot_xmin(pg_current_snapshot()) AS is_in_log),
-- The row is locked before it is compared: the one that a takeover in the same moment wrote is the one that counts.
held AS MATERIALIZED (
    SELECT s.name, s.epoch, s.transaction_id, s.global_position FROM subscriptions s
    WHERE s.name = $1 AND s.token = $2 AND (s.epoch IS NULL OR s.epoch = $3)
    FOR UPDATE),
moved AS (
    UPDATE subscriptions s
    SET epoch = $3, transaction_id = p.transaction_id, global_position = p.global_position,
        acknowledged_at = clock_timestamp()
    FROM held h, place p
    WHERE s.name = h.name AND p.is_in_log
      AND (h.epoch IS NULL OR (h.transaction_id, h.global_position) < (p.transaction_id, p.global_position)))
SELECT EXISTS (SELECT FROM held) AS "is_held!",
       EXISTS (SELECT FROM subscriptions s WHERE s.name = $1) AS "is_known!",
       p.is_in_log AS "is_in_log!"
FROM place p
