-- A page of one category's events behind a cursor, in the order of the log.
-- Nothing at or above the oldest transaction still open is shown: it could still commit events with a lower position, and a
-- reader that went on would never see them. The page ends with the event that reaches its bytes.
--
-- The category is bounded from both sides and stands first in every order. Under `=` the planner also takes the index of the whole
-- log to be in order, and a reader of a rare category read the log to its end to find that nothing was new.
--
-- $1, $2 the cursor; $3 events and $4 bytes of the page; $5, $6 the time, from and until; $7 an upper bound of the
-- transaction ids, behind which every event is later than that; $8 the category.
SELECT p.stream_id AS "stream_id!", p.version AS "version!", p.event_type AS "event_type!", p.event_data AS "event_data!",
       p.sealed, p.metadata AS "metadata!", p.created_at AS "created_at!", p.global_position AS "global_position!",
       p.transaction_id::text::bigint AS "transaction_id!"
FROM (SELECT e.*, split_part(e.stream_id, '-', 1) AS category,
             sum(octet_length(e.event_data)) OVER (ORDER BY split_part(e.stream_id, '-', 1), e.transaction_id, e.global_position)
             - octet_length(e.event_data) AS bytes_before
      FROM events e
      WHERE (split_part(e.stream_id, '-', 1), e.transaction_id, e.global_position) > ($8, $1::bigint::text::xid8, $2)
        AND (split_part(e.stream_id, '-', 1), e.transaction_id)
            < ($8, LEAST(pg_snapshot_xmin(pg_current_snapshot()), $7::bigint::text::xid8))
        AND ($5::timestamptz IS NULL OR e.created_at >= $5)
        AND ($6::timestamptz IS NULL OR e.created_at < $6)
      ORDER BY split_part(e.stream_id, '-', 1), e.transaction_id, e.global_position
      LIMIT $3) p
WHERE p.bytes_before < $4
ORDER BY p.category, p.transaction_id, p.global_position
