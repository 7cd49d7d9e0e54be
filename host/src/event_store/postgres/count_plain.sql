-- Events of a stream that can be read without its key; the closing event has nothing to read.
SELECT count(*) AS "plain!" FROM events
WHERE stream_id = $1 AND sealed IS NULL AND event_type <> '$stream-closed'
