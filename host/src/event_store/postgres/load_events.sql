-- A page of one stream, for a fold. Paged by version: an unbounded read makes the planner sort the table. It ends with the
-- event that reaches the page's bytes.
SELECT p.version, p.event_type, p.event_data, p.sealed
FROM (SELECT e.version, e.event_type, e.event_data, e.sealed,
             sum(octet_length(e.event_data)) OVER (ORDER BY e.version) - octet_length(e.event_data) AS bytes_before
      FROM events e
      WHERE e.stream_id = $1 AND e.version > $2
      ORDER BY e.version
      LIMIT $3) p
WHERE p.bytes_before < $4
ORDER BY p.version
