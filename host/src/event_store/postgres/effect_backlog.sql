SELECT count(*) FILTER (WHERE e.due_at <= now()) AS "due!",
       count(*) FILTER (WHERE e.due_at > now()) AS "waiting!",
       (SELECT count(*) FROM effects d WHERE d.status >= 'failed' AND d.status = 'dead') AS "dead!",
       extract(epoch FROM now() - min(e.due_at) FILTER (WHERE e.leased_until IS NULL OR e.leased_until <= now()))::float8
           AS oldest_due_s
FROM effects e WHERE e.status = 'pending'
