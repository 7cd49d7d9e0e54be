-- How many events of a type ($2) a category ($1) has, $3 at most. The type's index is read, in its order and bounded from both sides, so that
-- no planner takes the whole table for the shorter way: most types are of one category.
SELECT count(*) AS "count!" FROM (
    SELECT FROM events e
    WHERE (e.event_type, e.transaction_id, e.global_position) > ($2, '0'::xid8, 0) AND e.event_type <= $2
      AND COALESCE(split_part(e.stream_id, '-', 1) = $1, true)
    ORDER BY e.event_type, e.transaction_id, e.global_position
    LIMIT $3) counted
