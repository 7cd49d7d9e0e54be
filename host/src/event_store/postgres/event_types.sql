-- All types of events there are, from one to the next by the index.
WITH RECURSIVE type AS (
    (SELECT e.event_type FROM events e ORDER BY e.event_type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.event_type FROM events e WHERE e.event_type > t.event_type ORDER BY e.event_type LIMIT 1)
    FROM type t WHERE t.event_type IS NOT NULL)
SELECT t.event_type AS "event_type!" FROM type t WHERE t.event_type IS NOT NULL
