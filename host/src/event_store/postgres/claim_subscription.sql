-- Makes $2 the reader for $3 seconds, where nobody is, the one that was let its lease run out, or it is $2 itself: then its
-- answer was lost on the way, and its token stays. The time is read when the row is locked: now() would be from before the
-- wait for it. Only under the filter ($4, $5) and epoch ($6) that were found: meanwhile another subscription of this name could
-- have been made.
UPDATE subscriptions s
SET reader = $2::text::uuid,
    leased_until = clock_timestamp() + make_interval(secs => $3),
    token = CASE WHEN s.reader = $2::text::uuid THEN s.token ELSE nextval('subscription_tokens') END
WHERE s.name = $1
  AND (s.reader IS NULL OR s.reader = $2::text::uuid OR s.leased_until <= clock_timestamp())
  AND s.category IS NOT DISTINCT FROM $4 AND s.event_type IS NOT DISTINCT FROM $5
  AND (s.epoch IS NULL OR s.epoch = $6)
RETURNING s.token, s.epoch, s.transaction_id::text::bigint AS transaction_id, s.global_position
