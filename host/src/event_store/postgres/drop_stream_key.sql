-- The key is dropped, and with it goes what else could tell of the data: the snapshot, the texts of rejections, and the
-- fingerprints of commands, by which a guess could be proved right. The row stays, so that no other key is made for the
-- stream.
WITH key AS (
    UPDATE stream_keys SET wrapped_key = NULL, dropped_at = now()
    WHERE stream_id = $1 AND wrapped_key IS NOT NULL),
snapshot AS (DELETE FROM snapshots WHERE stream_id = $1)
UPDATE commands
SET fingerprint = decode(repeat('00', 32), 'hex'),
    rejection = CASE WHEN rejection IS NOT NULL
                     THEN jsonb_build_object('code', rejection ->> 'code', 'message', '') END
WHERE stream_id = $1
