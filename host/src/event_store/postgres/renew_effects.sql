-- Has the claims of some effects ($1 ids, $2 stream ids, $3 tokens) last for $4 seconds from now on. The ids are named once more in
-- the condition, and what waits is told by its finished_at and not by its status, which has an index: the planner would read the
-- whole of one where it takes the table for small.
WITH lease AS MATERIALIZED (
    SELECT l.* FROM unnest($1::text[]::uuid[], $2::text[], $3::bigint[])
         WITH ORDINALITY AS l(effect_id, stream_id, token, no)),
-- Every statement that waits for the rows of several effects locks them in this order: a renewal and a step once waited for each
-- other crosswise.
locked AS MATERIALIZED (
    SELECT e.effect_id, e.stream_id, e.token
    FROM lease l
    JOIN effects e ON e.effect_id = l.effect_id AND e.stream_id = l.stream_id AND e.token = l.token
    WHERE e.effect_id = ANY ($1::text[]::uuid[]) AND e.finished_at IS NULL AND e.leased_until IS NOT NULL
    ORDER BY e.effect_id, e.stream_id
    FOR NO KEY UPDATE OF e),
renewed AS (
    UPDATE effects e SET leased_until = now() + make_interval(secs => $4)
    FROM locked l
    WHERE e.effect_id = ANY ($1::text[]::uuid[]) AND e.effect_id = l.effect_id AND e.stream_id = l.stream_id AND e.token = l.token
      AND e.finished_at IS NULL AND e.leased_until IS NOT NULL
    RETURNING l.effect_id, l.token)
SELECT EXISTS (SELECT FROM renewed r WHERE r.effect_id = l.effect_id AND r.token = l.token) AS "held!"
FROM lease l ORDER BY l.no
