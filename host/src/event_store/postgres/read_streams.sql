-- A page of a category's streams, in the order of their ids. Each step is one look into the primary key for the next
-- stream id, since DISTINCT would read every event of the category.
WITH RECURSIVE stream AS (
    (SELECT e.stream_id, 1 AS n FROM events e
     WHERE e.stream_id > $1 AND e.stream_id < $2 ORDER BY e.stream_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.stream_id FROM events e
            WHERE e.stream_id > s.stream_id AND e.stream_id < $2 ORDER BY e.stream_id LIMIT 1), s.n + 1
    FROM stream s
    WHERE s.stream_id IS NOT NULL AND s.n < $3)
SELECT s.stream_id AS "stream_id!" FROM stream s WHERE s.stream_id IS NOT NULL ORDER BY s.n
