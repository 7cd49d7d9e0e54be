-- How long the oldest event that readers may not see yet has been there: a transaction that was open before it still is.
SELECT extract(epoch FROM clock_timestamp() - e.created_at)::float8 AS "seconds!"
FROM events e
WHERE e.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.transaction_id, e.global_position
LIMIT 1
