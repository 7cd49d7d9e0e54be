-- A page of one type's events behind a cursor, in the order of the log.
-- Nothing at or above the oldest transaction still open is shown: it could still commit events with a lower position, and a
-- reader that went on would never see them. The page ends with the event that reaches its bytes.
--
-- The type is bounded from both sides and stands first in every order. Under `=` the planner also takes the index of the whole
-- log to be in order, and a reader of a rare type read the log to its end to find that nothing was new. The category is under
-- COALESCE so that its index is not taken instead.
--
-- $1, $2 the cursor; $3 events and $4 bytes of the page; $5, $6 the time, from and until; $7 an upper bound of the
-- transaction ids, behind which every event is later than that; $8 the type; $9 a category,
-- where only its events are wanted.
SELECT p.stream_id AS "stream_id!", p.version AS "version!", p.event_type AS "event_type!", p.event_data AS "event_data!",
       p.sealed, p.metadata AS "metadata!", p.created_at AS "created_at!", p.global_position AS "global_position!",
       p.transaction_id::text::bigint AS "transaction_id!"
FROM (SELECT e.*, sum(octet_length(e.event_data)) OVER (ORDER BY e.event_type, e.transaction_id, e.global_position)
                  - octet_length(e.event_data) AS bytes_before
      FROM events e
      WHERE (e.event_type, e.transaction_id, e.global_position) > ($8, $1::bigint::text::xid8, $2)
        AND (e.event_type, e.transaction_id)
            < ($8, LEAST(pg_snapshot_xmin(pg_current_snapshot()), $7::bigint::text::xid8))
        AND COALESCE(split_part(e.stream_id, '-', 1) = $9, true)
        AND ($5::timestamptz IS NULL OR e.created_at >= $5)
        AND ($6::timestamptz IS NULL OR e.created_at < $6)
      ORDER BY e.event_type, e.transaction_id, e.global_position
      LIMIT $3) p
WHERE p.bytes_before < $4
ORDER BY p.event_type, p.transaction_id, p.global_position
