SELECT EXISTS (SELECT FROM stream_keys WHERE wrapped_key IS NOT NULL) AS "has_keys!"
