UPDATE verifications
SET checkpoint = COALESCE($3, checkpoint), report = $4::jsonb, leased_until = now() + make_interval(secs => $5)
WHERE verification_id = $1::text::uuid AND token = $2 AND status = 'running'
