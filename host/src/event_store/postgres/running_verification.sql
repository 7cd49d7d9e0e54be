SELECT verification_id::text AS "verification_id!" FROM verifications o
WHERE o.name = $1 AND o.status = 'running' AND o.candidate = $2 AND o.baseline IS NOT DISTINCT FROM $3 AND o.scope = $4::jsonb
ORDER BY o.started_at DESC LIMIT 1
