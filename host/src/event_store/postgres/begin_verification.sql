-- Takes up a shadow replay of the same kind ($2 name, $3 candidate, $4 baseline, $5 scope) that runs and that nobody holds, for $7
-- seconds; or else begins one under the id $1, unless one of the kind is held. No row: it is held by another host.
--
-- Under lock_history.sql, so that two who ask at once do not begin two.
WITH taken AS (
    UPDATE verifications v SET leased_until = now() + make_interval(secs => $7), token = v.token + 1
    WHERE v.verification_id = (
        SELECT o.verification_id FROM verifications o
        WHERE o.name = $2 AND o.status = 'running' AND o.candidate = $3 AND o.baseline IS NOT DISTINCT FROM $4 AND o.scope = $5::jsonb
          AND o.leased_until <= now()
        ORDER BY o.started_at DESC LIMIT 1)
    RETURNING v.verification_id, v.token),
begun AS (
    INSERT INTO verifications (verification_id, name, candidate, baseline, scope, status, started_by, leased_until)
    SELECT $1::text::uuid, $2, $3, $4, $5::jsonb, 'running', $6, now() + make_interval(secs => $7)
    WHERE NOT EXISTS (SELECT FROM taken)
      AND NOT EXISTS (
        SELECT FROM verifications o
        WHERE o.name = $2 AND o.status = 'running' AND o.candidate = $3 AND o.baseline IS NOT DISTINCT FROM $4 AND o.scope = $5::jsonb
          AND o.leased_until > now())
    RETURNING verification_id, token)
SELECT verification_id::text AS "verification_id!", token AS "token!" FROM taken
UNION ALL
SELECT verification_id::text, token FROM begun
