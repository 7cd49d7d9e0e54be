-- Effects that failed or were given up, the newest first: of the status $1, with ids below $2, of streams from $3 on and before $4,
-- $5 at most.
SELECT e.effect_id::text AS "effect_id!", e.stream_id, e.generation, e.kind, e.lane, e.status::text AS "status!", e.attempts, e.error, e.created_at,
       NULL::timestamptz AS due_at, false AS "leased!", e.finished_at, e.token
FROM effects e
WHERE e.status >= 'failed' AND e.status = $1::text::effect_status
  AND e.effect_id < $2::text::uuid AND e.stream_id >= $3 AND e.stream_id < $4
ORDER BY e.effect_id DESC LIMIT $5
