-- How many of these effects ($2) the stream has.
SELECT count(*) AS "count!" FROM effects e
WHERE e.effect_id = ANY ($2::text[]::uuid[]) AND e.stream_id = $1
