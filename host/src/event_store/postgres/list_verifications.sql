-- One by its id ($3), or those of a name ($1), of a candidate ($2) where one is asked for, the newest first, $4 at most.
SELECT verification_id::text AS "verification_id!", name, candidate, baseline, scope, status, checkpoint, report, started_by, started_at,
       finished_at, status = 'running' AND leased_until > now() AS "is_held!"
FROM verifications
WHERE ($1::text IS NULL OR name = $1) AND ($2::bytea IS NULL OR candidate = $2)
  AND ($3::text IS NULL OR verification_id = $3::text::uuid)
ORDER BY started_at DESC, verification_id
LIMIT $4
