-- The attempts of an effect that failed, the last ones first.
SELECT a.node, a.took_us, a.code, a.message, a.recorded_at FROM effect_attempts a
WHERE a.stream_id = $1 AND a.effect_id = $2::text::uuid ORDER BY a.attempt_no DESC LIMIT $3
