-- Appends the batches of many streams in one statement; each stream wins or loses alone. A batch without events wins when
-- its stream still has the expected version: what was decided on it, a rejection say, holds.
--
-- $1-$8   a row a stream: id, expected version, the reducer's name and generation (null for one linked into the host), its
--         first event's type, data and metadata (null where the batch has none), and the cipher of its data
-- $9-$14  a row for every further event: stream id, version, type, data, metadata, cipher
-- $15-$23 a row a command to be remembered: stream id, command id, name, fingerprint, first and last version, rejection,
--         digest and generation of the reducer
--
-- Rows of one stream find each other by hashed IN: a join of two unnests is planned as a nested loop, and 256 streams were
-- 65,536 comparisons.
WITH
-- The fence. FOR SHARE waits for a swap in progress and then sees the row that it wrote. FOR KEY SHARE does not conflict
-- with that update, and let an append of the old generation through behind it.
fence AS MATERIALIZED (
    SELECT a.name, a.generation FROM active_reducers a
    WHERE a.name = ANY ($3::text[]) ORDER BY a.name FOR SHARE),
-- Streams with a command that was decided before: they lose, and find the first outcome when they look.
decided AS MATERIALIZED (
    SELECT c.stream_id FROM unnest($15::text[], $16::text[]) AS c(stream_id, command_id)
    WHERE EXISTS (SELECT FROM commands r WHERE r.stream_id = c.stream_id AND r.command_id = c.command_id)),
stream AS MATERIALIZED (
    SELECT u.no, u.stream_id, u.expected, u.event_type, u.event_data, u.metadata, u.sealed,
           u.reducer IS NULL
           OR EXISTS (SELECT FROM fence f WHERE f.name = u.reducer AND f.generation = u.generation) AS admitted,
           u.stream_id IN (SELECT d.stream_id FROM decided d) AS repeated,
           COALESCE(head.version, 0) AS head, COALESCE(head.closed, false) AS closed
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[], $8::smallint[])
         WITH ORDINALITY
         AS u(stream_id, expected, reducer, generation, event_type, event_data, metadata, sealed, no)
    -- The primary key alone would let a version beyond the head through, so the head is compared: an index lookup a stream,
    -- which sees whether the stream was closed as well.
    LEFT JOIN LATERAL (
        SELECT e.version, e.event_type = '$stream-closed' AS closed FROM events e
        WHERE e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1) head ON true),
-- In the order of the ids, so that two statements never wait for each other crosswise. ON CONFLICT decides the race between
-- statements that saw the same head.
first AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
    SELECT s.stream_id, s.expected + 1, s.event_type, s.event_data, s.metadata::jsonb, s.sealed
    FROM stream s
    WHERE s.admitted AND NOT s.repeated AND NOT s.closed AND s.head = s.expected AND s.event_type IS NOT NULL
    ORDER BY s.stream_id COLLATE "C"
    ON CONFLICT (stream_id, version) DO NOTHING
    RETURNING stream_id),
-- Only behind a first event that was taken: else a stale batch would lose its first event and keep the rest.
rest AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
    SELECT e.stream_id, e.version, e.event_type, e.event_data, e.metadata::jsonb, e.sealed
    FROM unnest($9::text[], $10::bigint[], $11::text[], $12::bytea[], $13::text[], $14::smallint[])
         AS e(stream_id, version, event_type, event_data, metadata, sealed)
    WHERE e.stream_id IN (SELECT f.stream_id FROM first f)),
outcome AS MATERIALIZED (
    SELECT s.no, s.stream_id, s.admitted, s.repeated, s.closed, s.head,
           s.stream_id IN (SELECT f.stream_id FROM first f)
           OR (s.admitted AND NOT s.repeated AND NOT s.closed AND s.head = s.expected AND s.event_type IS NULL) AS won
    FROM stream s),
-- Without ON CONFLICT: two hosts that decide one command in the same moment must not both be told that they did. The later
-- one's statement fails whole and is sent again, stream by stream.
remembered AS (
    INSERT INTO commands (stream_id, command_id, name, fingerprint, first_version, last_version, rejection,
                          reducer_digest, generation)
    SELECT c.stream_id, c.command_id, c.name, c.fingerprint, c.first_version, c.last_version, c.rejection::jsonb,
           c.reducer_digest, c.generation
    FROM unnest($15::text[], $16::text[], $17::text[], $18::bytea[], $19::bigint[], $20::bigint[], $21::text[],
                $22::bytea[], $23::bigint[])
         AS c(stream_id, command_id, name, fingerprint, first_version, last_version, rejection, reducer_digest, generation)
    WHERE c.stream_id IN (SELECT o.stream_id FROM outcome o WHERE o.won)
    ORDER BY c.stream_id COLLATE "C", c.command_id COLLATE "C")
SELECT o.admitted AS "admitted!", o.repeated AS "repeated!", o.closed AS "closed!", o.head AS "head!", o.won AS "won!"
FROM outcome o ORDER BY o.no
