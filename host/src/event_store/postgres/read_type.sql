-- A page of one type's events behind a cursor, in the order of the log.
-- Nothing at or above the oldest transaction still open is shown: it could still commit events with a lower position, and a
-- reader that went on would never see them.
--
-- The type is bounded from both sides and stands first in every order. Under `=` the planner also takes the index of the whole
-- log to be in order, and a reader of a rare type read the log to its end to find that nothing was new. The category is under
-- COALESCE so that its index is not taken instead.
--
-- $1, $2 the cursor; $3 events of the page; $4 bytes of data that an event brings along at most; $5, $6 the time, from and
-- until; $7 an upper bound of the transaction ids, behind which every event is later than that; $8 the type; $9 a category, where only its events
-- are wanted.
--
-- Data larger than $4 bytes stay behind, and only their size is told: large_data.sql brings those that the page has room for.
-- (A running sum that ended the page here was a third of the query.)
SELECT e.stream_id, e.version, e.event_type,
       CASE WHEN octet_length(e.event_data) <= $4 THEN e.event_data END AS event_data,
       CASE WHEN octet_length(e.event_data) > $4 THEN octet_length(e.event_data) END AS large_bytes,
       e.sealed, e.metadata, e.created_at, e.global_position AS "global_position!",
       e.transaction_id::text::bigint AS "transaction_id!"
FROM events e
WHERE (e.event_type, e.transaction_id, e.global_position) > ($8, $1::bigint::text::xid8, $2)
  AND (e.event_type, e.transaction_id)
      < ($8, LEAST(pg_snapshot_xmin(pg_current_snapshot()), $7::bigint::text::xid8))
  AND COALESCE(split_part(e.stream_id, '-', 1) = $9, true)
  AND ($5::timestamptz IS NULL OR e.created_at >= $5)
  AND ($6::timestamptz IS NULL OR e.created_at < $6)
ORDER BY e.event_type, e.transaction_id, e.global_position
LIMIT $3
