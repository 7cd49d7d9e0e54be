-- The lowest transaction id from which on the log was written at $1 or later, by bisection: some forty looks into the index
-- instead of a scan. It takes times to grow with the ids, which they do but for the moments between the begin of a transaction
-- and its first write; the caller allows for those. Null while the log is empty.
--
-- The events of a transaction are of one time, but where a restore gave many one id. By $2 such a transaction counts by its
-- last event, for who begins to read there, or by its first, for who ends before it.
WITH RECURSIVE step(low, high) AS (
    SELECT (SELECT e.transaction_id::text::bigint FROM events e ORDER BY e.transaction_id, e.global_position LIMIT 1),
           (SELECT e.transaction_id::text::bigint + 1 FROM events e
            ORDER BY e.transaction_id DESC, e.global_position DESC LIMIT 1)
    UNION ALL
    SELECT CASE WHEN probe.is_before THEN probe.middle + 1 ELSE s.low END,
           CASE WHEN probe.is_before THEN s.high ELSE probe.middle END
    FROM step s
    CROSS JOIN LATERAL (
        SELECT m.middle, COALESCE(CASE WHEN $2 THEN last.created_at ELSE first.created_at END < $1, false) AS is_before
        FROM (SELECT s.low + (s.high - s.low) / 2 AS middle) m
        LEFT JOIN LATERAL (
            SELECT e.transaction_id, e.created_at FROM events e WHERE e.transaction_id >= m.middle::text::xid8
            ORDER BY e.transaction_id, e.global_position LIMIT 1) first ON true
        LEFT JOIN LATERAL (
            SELECT e.created_at FROM events e WHERE e.transaction_id = first.transaction_id
            ORDER BY e.transaction_id DESC, e.global_position DESC LIMIT 1) last ON true
        -- So that it is asked once, and not for each column that it decides.
        OFFSET 0) probe
    WHERE s.low < s.high)
SELECT s.low AS "transaction_id?" FROM step s WHERE s.low = s.high
