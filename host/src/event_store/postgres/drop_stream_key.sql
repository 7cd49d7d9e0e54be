-- The row stays, so that no other key is made for the stream. It is waited for, and holds up whoever looks: appends that
-- remember commands and snapshots on their way share its lock, so what they wrote before is there to be taken away, and
-- what they write after is refused.
UPDATE stream_keys SET wrapped_key = NULL, dropped_at = now()
WHERE stream_id = $1 AND wrapped_key IS NOT NULL
