UPDATE verifications SET status = $3, report = COALESCE($4::jsonb, report), finished_at = now()
WHERE verification_id = $1::text::uuid AND ($2::bigint IS NULL OR token = $2) AND status = 'running'
