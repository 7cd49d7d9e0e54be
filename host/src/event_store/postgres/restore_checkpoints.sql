-- Where each subscription begins once all events have one transaction id and are in the order of their positions: before the
-- first event that it has not acknowledged. Some that it has may come again.
UPDATE subscriptions s
SET global_position = COALESCE(
        (SELECT min(e.global_position) - 1 FROM events e
         WHERE (e.transaction_id, e.global_position) > (s.transaction_id, s.global_position)),
        (SELECT max(e.global_position) FROM events e), 0),
    transaction_id = '3'
WHERE s.epoch IS NOT NULL
