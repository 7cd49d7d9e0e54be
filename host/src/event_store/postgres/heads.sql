-- The heads of some streams, in the order asked for; 0 for a stream without events. Of a closed one, the closing event is its
-- last.
SELECT COALESCE(head.version, 0) AS "head!", COALESCE(head.closed, false) AS "closed!"
FROM unnest($1::text[]) WITH ORDINALITY AS u(stream_id, no)
LEFT JOIN LATERAL (
    SELECT e.version, e.event_type = '$stream-closed' AS closed FROM events e
    WHERE e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1) head ON true
ORDER BY u.no
