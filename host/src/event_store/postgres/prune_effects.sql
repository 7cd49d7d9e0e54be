-- Deletes effects that have been over for $1 seconds, $2 at most, with their attempts; no dead letters.
--
-- An id begins with the milliseconds of its making, so what was over by then has a lower one: the primary key is read up to there
-- and no further, and needs no index over the time beside it. A minute for clocks that differ.
WITH old AS MATERIALIZED (
    SELECT e.effect_id, e.stream_id FROM effects e
    WHERE e.effect_id < (rpad(lpad(to_hex(GREATEST(0, extract(epoch FROM now() - make_interval(secs => $1)) * 1000 + 60000)::bigint),
                              12, '0'), 32, '0'))::uuid
      AND e.status IN ('done', 'failed', 'discarded') AND e.finished_at <= now() - make_interval(secs => $1)
    ORDER BY e.effect_id LIMIT $2
    FOR UPDATE SKIP LOCKED),
attempts AS (
    DELETE FROM effect_attempts a USING old o WHERE a.stream_id = o.stream_id AND a.effect_id = o.effect_id)
DELETE FROM effects e USING old o WHERE e.effect_id = o.effect_id AND e.stream_id = o.stream_id
