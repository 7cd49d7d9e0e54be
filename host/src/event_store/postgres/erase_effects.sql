-- What could be read of a stream's effects: what was never sealed, and the texts of what went wrong. In a statement behind the one
-- that dropped the key, as erase_stream.sql is.
WITH attempts AS (
    UPDATE effect_attempts SET message = '' WHERE stream_id = $1),
-- In the order that renew_effects.sql locks them in.
locked AS MATERIALIZED (
    SELECT e.effect_id FROM effects e WHERE e.stream_id = $1 ORDER BY e.effect_id FOR NO KEY UPDATE)
UPDATE effects e SET body = NULL, sealed = NULL, progress = NULL, progress_sealed = NULL, error = NULL
FROM locked l WHERE e.effect_id = l.effect_id AND e.stream_id = $1
