-- A page of the whole log behind a cursor. Nothing at or above the oldest transaction still open is shown: it could still
-- commit events with a lower position, and a reader that went on would never see them.
SELECT stream_id, version, event_type, event_data, metadata, created_at, global_position,
       transaction_id::text::bigint AS "transaction_id!"
FROM events
WHERE (transaction_id, global_position) > ($1::bigint::text::xid8, $2)
  AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY transaction_id, global_position
LIMIT $3
