-- A subscription as whoever claims it finds it. Only a read: many stand by, and ask several times a second.
SELECT s.category, s.event_type, s.epoch,
       s.reader IS NULL OR s.reader = $2::text::uuid OR s.leased_until <= clock_timestamp() AS "is_free!",
       extract(epoch FROM s.leased_until - clock_timestamp())::float8 AS leased_for_s
FROM subscriptions s WHERE s.name = $1
