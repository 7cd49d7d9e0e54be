SELECT e.effect_id::text AS "effect_id!", e.stream_id, e.generation, e.kind, e.lane, e.status::text AS "status!", e.attempts, e.error, e.created_at,
       CASE WHEN e.status = 'pending' THEN GREATEST(e.due_at, e.leased_until) END AS due_at,
       COALESCE(e.leased_until > now(), false) AS "leased!", e.finished_at, e.token,
       e.body, e.sealed, e.progress, e.progress_sealed
FROM effects e WHERE e.effect_id = $1::text::uuid LIMIT 1
