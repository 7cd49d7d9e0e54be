-- Effects that are not over, the newest first: with ids below $1, of streams from $2 on and before $3, $4 at most. By the index of
-- what waits, all of it and sorted: by the primary key it would be read past every effect that is over.
WITH pending AS MATERIALIZED (
    SELECT e.effect_id, e.stream_id FROM effects e
    WHERE e.status = 'pending' AND e.effect_id < $1::text::uuid AND e.stream_id >= $2 AND e.stream_id < $3),
newest AS MATERIALIZED (SELECT p.effect_id, p.stream_id FROM pending p ORDER BY p.effect_id DESC LIMIT $4)
SELECT e.effect_id::text AS "effect_id!", e.stream_id, e.generation, e.kind, e.lane, e.status::text AS "status!", e.attempts, e.error, e.created_at,
       GREATEST(e.due_at, e.leased_until) AS due_at, COALESCE(e.leased_until > now(), false) AS "leased!", e.finished_at, e.token
FROM newest n JOIN effects e ON e.effect_id = n.effect_id AND e.stream_id = n.stream_id
ORDER BY e.effect_id DESC
