-- How many events of a type ($2) a category ($1) has, $3 at most. The type's index is read: most types are of one category.
SELECT count(*) AS "count!" FROM (
    SELECT FROM events e
    WHERE e.event_type = $2 AND COALESCE(split_part(e.stream_id, '-', 1) = $1, true)
    LIMIT $3) counted
