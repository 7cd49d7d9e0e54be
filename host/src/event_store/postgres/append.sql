-- Appends the batches of many streams in one statement; each stream wins or loses alone. A batch without events wins when
-- its stream still has the expected version: what was decided on it, a rejection say, holds.
--
-- $1-$4   a row a stream: id, expected version, and the reducer's name and generation (null for one linked into the host)
-- $5-$9   a row an event: the stream's number from 1, the event's number in its batch from 1, type, data, metadata
-- $10-$17 a row a command to be remembered: the stream's number, id, name, fingerprint, first and last version, rejection,
--         digest of the reducer
WITH
-- The fence. FOR SHARE waits for a swap in progress and then sees the row that it wrote. FOR KEY SHARE does not conflict
-- with that update, and let an append of the old generation through behind it.
fence AS MATERIALIZED (
    SELECT a.name, a.generation FROM active_reducers a
    WHERE a.name = ANY ($3::text[]) ORDER BY a.name FOR SHARE),
stream AS MATERIALIZED (
    SELECT u.no, u.stream_id, u.expected, u.generation,
           u.reducer IS NULL
           OR EXISTS (SELECT FROM fence f WHERE f.name = u.reducer AND f.generation = u.generation) AS admitted,
           -- The primary key alone would let a version beyond the head through, so the head is compared: by a scalar
           -- subquery, which stays an index lookup a stream.
           COALESCE((SELECT head.version FROM events head WHERE head.stream_id = u.stream_id
                     ORDER BY head.version DESC LIMIT 1), 0) = u.expected AS current
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[])
         WITH ORDINALITY AS u(stream_id, expected, reducer, generation, no)),
event AS MATERIALIZED (
    SELECT * FROM unnest($5::bigint[], $6::int[], $7::text[], $8::bytea[], $9::text[])
         AS u(no, i, event_type, event_data, metadata)),
-- ON CONFLICT decides the race between statements that saw the same head.
first AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT s.stream_id, s.expected + 1, e.event_type, e.event_data, e.metadata::jsonb
    FROM stream s JOIN event e ON e.no = s.no AND e.i = 1
    WHERE s.admitted AND s.current
    ORDER BY s.stream_id COLLATE "C"
    ON CONFLICT (stream_id, version) DO NOTHING
    RETURNING stream_id),
-- Only behind a first event that was taken: else a stale batch would lose its first event and keep the rest.
rest AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata)
    SELECT s.stream_id, s.expected + e.i, e.event_type, e.event_data, e.metadata::jsonb
    FROM first f JOIN stream s ON s.stream_id = f.stream_id JOIN event e ON e.no = s.no
    WHERE e.i > 1
    ORDER BY s.stream_id COLLATE "C", e.i),
winner AS MATERIALIZED (
    SELECT s.no, s.stream_id, s.generation FROM stream s
    WHERE s.stream_id IN (SELECT f.stream_id FROM first f)
       OR (s.admitted AND s.current AND NOT EXISTS (SELECT FROM event e WHERE e.no = s.no))),
remembered AS (
    INSERT INTO commands (stream_id, command_id, name, fingerprint, first_version, last_version, rejection,
                          reducer_digest, generation)
    SELECT w.stream_id, c.command_id, c.name, c.fingerprint, c.first_version, c.last_version, c.rejection::jsonb,
           c.reducer_digest, w.generation
    FROM unnest($10::bigint[], $11::text[], $12::text[], $13::bytea[], $14::bigint[], $15::bigint[], $16::text[],
                $17::bytea[])
         AS c(no, command_id, name, fingerprint, first_version, last_version, rejection, reducer_digest)
    JOIN winner w ON w.no = c.no
    ORDER BY w.stream_id COLLATE "C", c.command_id
    ON CONFLICT (stream_id, command_id) DO NOTHING)
SELECT s.admitted AS "admitted!", w.no IS NOT NULL AS "won!"
FROM stream s LEFT JOIN winner w ON w.no = s.no
ORDER BY s.no
