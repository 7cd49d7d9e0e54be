SELECT command_id, fingerprint, first_version, last_version, rejection, reducer_digest, generation
FROM commands
WHERE stream_id = $1 AND command_id = ANY ($2::text[])
