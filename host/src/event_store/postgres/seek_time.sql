-- The lowest transaction id from which on the log was written at $1 or later, by bisection: some forty looks into the index
-- instead of a scan. It takes times to grow with the ids, which they do but for the moments between the begin of a transaction
-- and its first write; the caller allows for those. Null while the log is empty.
WITH RECURSIVE step(low, high) AS (
    SELECT (SELECT e.transaction_id::text::bigint FROM events e ORDER BY e.transaction_id, e.global_position LIMIT 1),
           (SELECT e.transaction_id::text::bigint + 1 FROM events e
            ORDER BY e.transaction_id DESC, e.global_position DESC LIMIT 1)
    UNION ALL
    SELECT CASE WHEN probe.is_before THEN probe.middle + 1 ELSE s.low END,
           CASE WHEN probe.is_before THEN s.high ELSE probe.middle END
    FROM step s
    CROSS JOIN LATERAL (
        SELECT m.middle,
               COALESCE((SELECT e.created_at FROM events e WHERE e.transaction_id >= m.middle::text::xid8
                         ORDER BY e.transaction_id, e.global_position LIMIT 1) < $1, false) AS is_before
        FROM (SELECT s.low + (s.high - s.low) / 2 AS middle) m) probe
    WHERE s.low < s.high)
SELECT s.low AS "transaction_id?" FROM step s WHERE s.low = s.high
