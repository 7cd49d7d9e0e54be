-- A dead letter is to be run again. Whoever reopened it meanwhile left another token.
UPDATE effects e
SET status = 'pending', lane = $4, due_at = now(), leased_until = NULL, token = nextval('effect_tokens'), progress = $5,
    progress_sealed = $6, error = NULL, finished_at = NULL
WHERE e.effect_id = $1::text::uuid AND e.stream_id = $2 AND e.token = $3 AND e.status = 'dead'
