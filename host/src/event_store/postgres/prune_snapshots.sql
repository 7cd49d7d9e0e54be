-- Deletes snapshots between $1 and $2 of none of the schemas $3, where the stream has one of them; $4 at most.
WITH former AS (
    SELECT s.stream_id, s.state_schema FROM snapshots s
    WHERE s.stream_id > $1 AND s.stream_id < $2 AND NOT s.state_schema = ANY ($3::text[])
      AND EXISTS (SELECT FROM snapshots n WHERE n.stream_id = s.stream_id AND n.state_schema = ANY ($3::text[]))
    ORDER BY s.stream_id LIMIT $4)
DELETE FROM snapshots s USING former f WHERE s.stream_id = f.stream_id AND s.state_schema = f.state_schema
