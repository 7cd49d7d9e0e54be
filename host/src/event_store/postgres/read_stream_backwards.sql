-- A page of one stream before a version, the newest event first. It ends with the event that reaches the page's bytes.
SELECT p.version, p.event_type, p.event_data, p.sealed, p.metadata, p.created_at
FROM (SELECT e.version, e.event_type, e.event_data, e.sealed, e.metadata, e.created_at,
             sum(octet_length(e.event_data)) OVER (ORDER BY e.version DESC) - octet_length(e.event_data) AS bytes_before
      FROM events e
      WHERE e.stream_id = $1 AND e.version < $2
      ORDER BY e.version DESC
      LIMIT $3) p
WHERE p.bytes_before < $4
ORDER BY p.version DESC
