-- The subscriptions by name, each with the oldest event behind its checkpoint: one look into the index that its filter is read
-- by. One that nobody may be shown yet counts too, so that a transaction which is open for long is seen in the lag. $1 a
-- name, where only that one is wanted; $2 the epoch.
--
-- Type and category are bounded from both sides: under `=`, the planner also takes the index of the whole log to be in their
-- order, and reads all of it behind the checkpoint to find that nothing of a rare type is there.
SELECT s.name, s.category, s.event_type, s.epoch, s.transaction_id::text::bigint AS transaction_id, s.global_position,
       s.acknowledged_at, s.token,
       CASE WHEN s.leased_until > t.now THEN s.reader::text END AS reader,
       CASE WHEN s.leased_until > t.now THEN s.leased_until END AS leased_until,
       extract(epoch FROM t.now - oldest.created_at)::float8 AS lag_s
FROM subscriptions s
CROSS JOIN (SELECT clock_timestamp() AS now) t
CROSS JOIN LATERAL (
    SELECT COALESCE(s.transaction_id, '0'::xid8) AS transaction_id, COALESCE(s.global_position, 0) AS global_position) c
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN s.epoch <> $2 THEN NULL
        WHEN s.event_type IS NOT NULL THEN (
            SELECT e.created_at FROM events e
            WHERE (e.event_type, e.transaction_id, e.global_position) > (s.event_type, c.transaction_id, c.global_position)
              AND e.event_type <= s.event_type
              AND (s.category IS NULL OR split_part(e.stream_id, '-', 1) = s.category)
            ORDER BY e.event_type, e.transaction_id, e.global_position LIMIT 1)
        WHEN s.category IS NOT NULL THEN (
            SELECT e.created_at FROM events e
            WHERE (split_part(e.stream_id, '-', 1), e.transaction_id, e.global_position)
                  > (s.category, c.transaction_id, c.global_position)
              AND split_part(e.stream_id, '-', 1) <= s.category
            ORDER BY split_part(e.stream_id, '-', 1), e.transaction_id, e.global_position LIMIT 1)
        ELSE (
            SELECT e.created_at FROM events e
            WHERE (e.transaction_id, e.global_position) > (c.transaction_id, c.global_position)
            ORDER BY e.transaction_id, e.global_position LIMIT 1)
        END AS created_at) oldest
WHERE $1::text IS NULL OR s.name = $1
ORDER BY s.name
