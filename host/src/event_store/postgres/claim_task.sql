-- Takes the work that follows an activation for $3 seconds. No row: another host has it, or it is done.
INSERT INTO reducer_tasks AS t (name, generation, leased_until) VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (name, generation) DO UPDATE
SET leased_until = EXCLUDED.leased_until, token = t.token + 1
WHERE t.finished_at IS NULL AND t.leased_until <= now()
RETURNING token AS "token!", checkpoint
