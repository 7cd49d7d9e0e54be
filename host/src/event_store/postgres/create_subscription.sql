-- A new name, which nobody reads yet. Of two hosts that make it in the same moment, the first one's stands.
-- With $4 it begins now: at the oldest transaction that is still open, since all before it can be seen and is passed over, and
-- nothing behind it was shown to anybody yet. $5 is the epoch.
INSERT INTO subscriptions (name, category, event_type, epoch, transaction_id, global_position)
SELECT $1, $2, $3, CASE WHEN $4 THEN $5::bigint END, CASE WHEN $4 THEN pg_snapshot_xmin(pg_current_snapshot()) END,
       CASE WHEN $4 THEN 0::bigint END
ON CONFLICT (name) DO NOTHING
