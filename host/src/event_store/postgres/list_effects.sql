-- Effects, the newest first: of the status $1 if there is one, with ids below $2, of streams from $3 on and before $4, $5 at most.
-- By the primary key from its end, which compares the streams as well.
SELECT e.effect_id::text AS "effect_id!", e.stream_id, e.generation, e.kind, e.lane, e.status::text AS "status!", e.attempts, e.error, e.created_at,
       CASE WHEN e.status = 'pending' THEN GREATEST(e.due_at, e.leased_until) END AS due_at,
       COALESCE(e.leased_until > now(), false) AS "leased!", e.finished_at, e.token
FROM effects e
WHERE ($1::text IS NULL OR e.status = $1::text::effect_status) AND e.effect_id < $2::text::uuid AND e.stream_id >= $3 AND e.stream_id < $4
ORDER BY e.effect_id DESC LIMIT $5
