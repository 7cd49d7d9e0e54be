-- Events of another cluster get ids that this one has given out already, all before the id of this transaction, and stand in
-- the order of their positions, which is each stream's order too. The ids rise with the positions, as evenly as there is room
-- for: one id for all of them would make every read from a time on begin at the first event.
UPDATE events e
SET transaction_id = (2 + width_bucket(e.global_position::numeric, o.first, o.behind, o.ids))::text::xid8
FROM (SELECT min(a.global_position) AS first, max(a.global_position) + 1 AS behind,
             LEAST(pg_current_xact_id()::text::bigint - 3, 1000000)::int AS ids
      FROM events a) o
