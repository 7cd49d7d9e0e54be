-- The lanes behind $1 that have effects, $2 at most, and how many seconds it is until the first of each may be claimed.
--
-- From lane to lane by the index, an entry each: DISTINCT would read every effect that waits.
WITH RECURSIVE lane AS (
    (SELECT e.lane, 1 AS no FROM effects e WHERE e.status = 'pending' AND e.lane > $1 ORDER BY e.lane LIMIT 1)
    UNION ALL
    SELECT following.lane, l.no + 1
    FROM lane l
    CROSS JOIN LATERAL (
        SELECT e.lane FROM effects e WHERE e.status = 'pending' AND e.lane > l.lane ORDER BY e.lane LIMIT 1) following
    WHERE l.no < $2)
SELECT l.lane AS "lane!",
       extract(epoch FROM LEAST(free.due_at, leased.leased_until) - now())::float8 AS "due_in_s!"
FROM lane l
-- The first that no claim holds ...
LEFT JOIN LATERAL (
    SELECT e.due_at, e.effect_id FROM effects e
    WHERE e.status = 'pending' AND e.lane = l.lane AND (e.leased_until IS NULL OR e.leased_until <= now())
    ORDER BY e.due_at, e.effect_id LIMIT 1) free ON true
-- ... and the first lease to end of those before it, which are as few as run at once.
LEFT JOIN LATERAL (
    SELECT min(e.leased_until) AS leased_until FROM effects e
    WHERE e.status = 'pending' AND e.lane = l.lane
      AND (e.due_at, e.effect_id) < (COALESCE(free.due_at, 'infinity'), COALESCE(free.effect_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
      AND e.leased_until > now()) leased ON true
ORDER BY l.no
