-- Claims effects that are due, for $3 seconds: of each lane ($1, each once) its first ones, $2 at most; of those of all lanes the
-- first ones whose texts are $4 bytes together at most, and one in any case. Those that another statement claims in this moment are
-- passed over and not waited for; those whose lease has ended are taken.
--
-- A lane's claim reads the index from the lane's first entry on, past those that are leased, which are as few as run at once. The
-- last LIMIT is for the planner as well: without a number it expects a tenth of each lane, and reads a whole index to join it.
--
-- A length is told without its text being read. What is beyond the bytes is locked for as long as this statement takes and stays
-- unclaimed, so that it comes first in the next claim: a sum that went past a large effect for smaller ones might never take it.
WITH wanted AS MATERIALIZED (
    SELECT d.effect_id, d.stream_id, d.due_at, d.bytes
    FROM unnest($1::text[], $2::int[]) AS l(lane, effects_max)
    CROSS JOIN LATERAL (
        SELECT e.effect_id, e.stream_id, e.due_at,
               COALESCE(octet_length(e.body), 0)::bigint + COALESCE(octet_length(e.progress), 0) AS bytes
        FROM effects e
        WHERE e.status = 'pending' AND e.lane = l.lane AND e.due_at <= now()
          AND (e.leased_until IS NULL OR e.leased_until <= now())
        ORDER BY e.due_at, e.effect_id
        LIMIT l.effects_max
        FOR UPDATE SKIP LOCKED) d
    LIMIT 1000),
summed AS (
    SELECT w.effect_id, w.stream_id, row_number() OVER due AS no, sum(w.bytes) OVER due AS bytes
    FROM wanted w
    WINDOW due AS (ORDER BY w.due_at, w.effect_id, w.stream_id ROWS UNBOUNDED PRECEDING)),
affordable AS MATERIALIZED (
    SELECT s.effect_id, s.stream_id FROM summed s WHERE s.no = 1 OR s.bytes <= $4::bigint LIMIT 1000),
claimed AS (
    UPDATE effects e SET leased_until = now() + make_interval(secs => $3), token = nextval('effect_tokens')
    FROM affordable a WHERE e.effect_id = a.effect_id AND e.stream_id = a.stream_id
    RETURNING e.effect_id, e.stream_id, e.generation, e.token, e.lane, e.body, e.sealed, e.progress, e.progress_sealed,
              e.created_at, e.due_at)
-- RETURNING has no order.
SELECT c.effect_id::text AS "effect_id!", c.stream_id AS "stream_id!", c.generation, c.token AS "token!", c.lane AS "lane!",
       c.body, c.sealed, c.progress, c.progress_sealed, c.created_at AS "created_at!", c.due_at AS "due_at!", now() AS "now!"
FROM claimed c ORDER BY c.due_at, c.effect_id
