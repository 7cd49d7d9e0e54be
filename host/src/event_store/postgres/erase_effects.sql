-- What could be read of a stream's effects: what was never sealed, and the texts of what went wrong. In a statement behind the one
-- that dropped the key, as erase_stream.sql is.
WITH attempts AS (
    UPDATE effect_attempts SET message = '' WHERE stream_id = $1)
UPDATE effects SET body = NULL, sealed = NULL, progress = NULL, progress_sealed = NULL, error = NULL WHERE stream_id = $1
