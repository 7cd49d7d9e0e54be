-- With the key goes what else could tell of the data: the snapshots, the texts of rejections, the arguments of commands, and their
-- fingerprints, by which a guess could be proved right. In a statement behind the one that dropped the key: this one's snapshot
-- has to see what that one waited for.
WITH snapshot AS (DELETE FROM snapshots WHERE stream_id = $1)
UPDATE commands
SET fingerprint = decode(repeat('00', 32), 'hex'),
    payload = NULL,
    payload_sealed = NULL,
    rejection = CASE WHEN rejection IS NOT NULL
                     THEN jsonb_build_object('code', rejection ->> 'code', 'message', '') END
WHERE stream_id = $1
