-- Whether the log holds transaction ids that this cluster has not given out yet: it was restored from another one, and what
-- is appended now would come before what is there, or not at all.
SELECT COALESCE((SELECT e.transaction_id FROM events e ORDER BY e.transaction_id DESC, e.global_position DESC LIMIT 1)
                >= pg_snapshot_xmax(pg_current_snapshot()), false) AS "is_ahead!"
