-- Records steps of claimed effects, each where its claim still holds it: by its token, and while it was not given up.
--
-- $1-$11  a row an effect: id, stream id, token, status, new lane, delay until it is due (seconds), lease from now on (seconds),
--         progress, its cipher, error, attempts
-- $12-$16 a row a failed attempt: the number of its effect (from 1), node, microseconds, code, message, recorded in this order
-- $17     the streams of encrypted categories among them
--
-- A step that was sent before changes nothing and is told as held: its claim gave the effect up, or brought it to an end, or it
-- is the progress that is there.
WITH step AS MATERIALIZED (
    SELECT s.* FROM unnest($1::text[]::uuid[], $2::text[], $3::bigint[], $4::text[]::effect_status[], $5::text[], $6::float8[], $7::float8[],
                           $8::bytea[], $9::smallint[], $10::text[], $11::bigint[])
         WITH ORDINALITY AS s(effect_id, stream_id, token, status, lane, delay_s, lease_s, progress, sealed, error, attempts, no)),
-- An erasure in the same moment is waited for, or waits: it takes the plain texts away, and what is written after it has none.
-- In the order of the ids, so that two statements never wait for each other crosswise.
key AS MATERIALIZED (
    SELECT k.stream_id, k.dropped_at FROM stream_keys k
    WHERE k.stream_id = ANY ($17::text[]) ORDER BY k.stream_id FOR SHARE),
erased AS MATERIALIZED (SELECT k.stream_id FROM key k WHERE k.dropped_at IS NOT NULL),
before AS MATERIALIZED (
    SELECT s.no, s.lease_s IS NOT NULL AND e.progress IS NOT DISTINCT FROM s.progress AS repeated,
           e.status <> 'pending' OR e.leased_until IS NULL AS given_up
    FROM step s
    JOIN effects e ON e.effect_id = s.effect_id AND e.stream_id = s.stream_id AND e.token = s.token AND s.token > 0),
-- In the order that renew_effects.sql locks them in, and once the keys are locked: an erasure has the key before the effects.
locked AS MATERIALIZED (
    SELECT s.no, e.effect_id, e.stream_id
    FROM step s
    JOIN effects e ON e.effect_id = s.effect_id AND e.stream_id = s.stream_id AND e.token = s.token
    WHERE (SELECT count(*) FROM key) >= 0 AND e.finished_at IS NULL AND e.leased_until IS NOT NULL
    ORDER BY e.effect_id, e.stream_id
    FOR NO KEY UPDATE OF e),
changed AS (
    UPDATE effects e
    SET status = s.status,
        lane = COALESCE(s.lane, e.lane),
        due_at = CASE WHEN s.delay_s IS NULL THEN e.due_at ELSE now() + make_interval(secs => s.delay_s) END,
        leased_until = now() + make_interval(secs => s.lease_s),
        progress = COALESCE(s.progress, e.progress),
        progress_sealed = CASE WHEN s.progress IS NULL THEN e.progress_sealed ELSE s.sealed END,
        error = CASE WHEN s.stream_id NOT IN (SELECT d.stream_id FROM erased d) THEN s.error END,
        attempts = LEAST(e.attempts + CASE WHEN b.repeated THEN 0 ELSE s.attempts END, 4294967295),
        finished_at = CASE WHEN s.status <> 'pending' THEN now() END
    FROM locked l
    JOIN step s ON s.no = l.no
    JOIN before b ON b.no = l.no
    WHERE e.effect_id = l.effect_id AND e.stream_id = l.stream_id AND e.effect_id = s.effect_id AND e.stream_id = s.stream_id AND e.token = s.token
      AND e.finished_at IS NULL AND e.leased_until IS NOT NULL
    RETURNING s.no, e.stream_id, e.effect_id, b.repeated),
failed AS (
    INSERT INTO effect_attempts (stream_id, effect_id, node, took_us, code, message)
    SELECT c.stream_id, c.effect_id, f.node, f.took_us, f.code,
           CASE WHEN c.stream_id IN (SELECT d.stream_id FROM erased d) THEN '' ELSE f.message END
    FROM unnest($12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[])
         WITH ORDINALITY AS f(no, node, took_us, code, message, place)
    JOIN changed c ON c.no = f.no
    WHERE NOT c.repeated
    ORDER BY f.place)
SELECT (c.no IS NOT NULL OR COALESCE(b.given_up, false)) AS "held!"
FROM step s
LEFT JOIN before b ON b.no = s.no
LEFT JOIN changed c ON c.no = s.no
ORDER BY s.no
