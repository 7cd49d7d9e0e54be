-- Forgets a subscription that nobody reads; says until when somebody does where it did not.
WITH deleted AS (
    DELETE FROM subscriptions s
    WHERE s.name = $1 AND (s.reader IS NULL OR s.leased_until <= clock_timestamp())
    RETURNING s.name)
SELECT s.leased_until, EXISTS (SELECT FROM deleted) AS "is_deleted!"
FROM subscriptions s WHERE s.name = $1
