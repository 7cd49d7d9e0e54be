-- The categories that have streams with keys, each by one look into the primary key: every id of a category stands between
-- 'category-' and 'category.', since '.' follows '-'.
WITH RECURSIVE category AS (
    SELECT (SELECT split_part(k.stream_id, '-', 1) FROM stream_keys k ORDER BY k.stream_id LIMIT 1) AS name
    UNION ALL
    SELECT (SELECT split_part(k.stream_id, '-', 1) FROM stream_keys k
            WHERE k.stream_id > c.name || '.' ORDER BY k.stream_id LIMIT 1)
    FROM category c WHERE c.name IS NOT NULL)
SELECT c.name AS "name!" FROM category c WHERE c.name IS NOT NULL
