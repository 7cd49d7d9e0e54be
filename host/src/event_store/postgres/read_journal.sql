-- A stream's ($1) commands in the journal behind a place ($2, $3), $4 at most.
SELECT command_id, name, payload, payload_kind AS "payload_kind!", payload_sealed, decided_at_ms AS "decided_at_ms!", first_version,
       last_version, rejection, reducer_digest
FROM commands
WHERE stream_id = $1 AND payload_kind IS NOT NULL AND (last_version, command_id) > ($2::bigint, $3::text)
ORDER BY last_version, command_id
LIMIT $4
