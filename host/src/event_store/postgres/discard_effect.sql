-- A new token takes it out of the hands of whoever runs it.
UPDATE effects e
SET status = 'discarded', leased_until = NULL, token = nextval('effect_tokens'), error = $2, finished_at = now()
WHERE e.effect_id = $1::text::uuid AND e.status IN ('pending', 'dead')
