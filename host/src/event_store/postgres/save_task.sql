UPDATE reducer_tasks
SET checkpoint = COALESCE($4, checkpoint), leased_until = now() + make_interval(secs => $5),
    finished_at = CASE WHEN $6 THEN now() END
WHERE name = $1 AND generation = $2 AND token = $3 AND finished_at IS NULL
