-- Where each subscription begins once the events are in the order of their positions: before the first one that it has not
-- acknowledged. Some that it has may come again. The ids are those that restore_order.sql gives.
UPDATE subscriptions s
SET global_position = c.global_position,
    transaction_id = (2 + width_bucket(c.global_position::numeric, o.first, o.behind, o.ids))::text::xid8
FROM (SELECT n.name, COALESCE(
          (SELECT min(e.global_position) - 1 FROM events e
           WHERE (e.transaction_id, e.global_position) > (n.transaction_id, n.global_position)),
          (SELECT max(e.global_position) FROM events e)) AS global_position
      FROM subscriptions n) c,
     (SELECT min(a.global_position) AS first, max(a.global_position) + 1 AS behind,
             LEAST(pg_current_xact_id()::text::bigint - 3, 1000000)::int AS ids
      FROM events a) o
WHERE c.name = s.name AND s.epoch IS NOT NULL
