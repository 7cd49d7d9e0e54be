-- Appends the batches of many streams in one statement; each stream wins or loses alone. A batch without events wins when
-- its stream still has the expected version: what was decided on it, a rejection say, holds.
--
-- $1-$7   a row a stream: id, expected version, the number of its fence (from 1; null for a reducer linked into the host), its
--         first event's type, data and metadata (null where the batch has none), and the cipher of its data
-- $8-$9   a row a fence: a reducer's name and generation, names in order
-- $10-$15 a row for every further event: stream id, version, type, data, metadata, cipher
-- $16-$28 a row a command to be remembered: stream id, command id, name, fingerprint, first and last version, rejection,
--         digest and generation of the reducer; for the journal its payload, the payload's kind and cipher, and the clock
-- $29-$36 a row an effect: id, stream id, generation of the reducer, kind, lane, delay in seconds, body, and its cipher
--
-- append.sql is a fifth faster, and fails whole where one stream loses. This is for what it cannot do, and for what it failed.
--
-- Rows of one stream find each other by hashed IN: a join of two unnests is planned as a nested loop, and 256 streams were
-- 65,536 comparisons.
WITH
-- Streams with a command that was decided before: they lose, and find the first outcome when they look.
decided AS MATERIALIZED (
    SELECT c.stream_id FROM unnest($16::text[], $17::text[]) AS c(stream_id, command_id)
    WHERE EXISTS (SELECT FROM commands r WHERE r.stream_id = c.stream_id AND r.command_id = c.command_id)),
-- Streams whose key was dropped: they are closed, whatever their last event is. A batch without events meets no closing event
-- at the primary key, so an erasure in the same moment missed the rejection that it remembers; here it is waited for. In the
-- order of the ids, so that two statements never wait for each other crosswise.
key AS MATERIALIZED (
    SELECT k.stream_id, k.dropped_at FROM stream_keys k
    WHERE k.stream_id = ANY ($1::text[]) ORDER BY k.stream_id FOR SHARE),
seen AS MATERIALIZED (
    SELECT u.no, u.stream_id, u.expected, u.event_type, u.event_data, u.metadata, u.sealed,
           -- Asked once a statement: it depends on no row.
           u.fence IS NULL OR (SELECT fence_holds($8::text[], $9::bigint[]))[u.fence] AS admitted,
           u.stream_id IN (SELECT d.stream_id FROM decided d) AS repeated,
           COALESCE(head.version, 0) AS head,
           COALESCE(head.closed, false)
           OR u.stream_id IN (SELECT k.stream_id FROM key k WHERE k.dropped_at IS NOT NULL) AS closed
    FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::bytea[], $6::text[], $7::smallint[])
         WITH ORDINALITY AS u(stream_id, expected, fence, event_type, event_data, metadata, sealed, no)
    -- The primary key alone would let a version beyond the head through, so the head is compared: an index lookup a stream,
    -- which sees whether the stream was closed as well.
    LEFT JOIN LATERAL (
        SELECT e.version, e.event_type = '$stream-closed' AS closed FROM events e
        WHERE e.stream_id = u.stream_id ORDER BY e.version DESC LIMIT 1) head ON true),
stream AS MATERIALIZED (
    SELECT s.no, s.stream_id, s.expected, s.event_type, s.event_data, s.metadata, s.sealed, s.admitted, s.repeated,
           s.closed, s.head,
           s.admitted AND NOT s.repeated AND NOT s.closed AND s.head = s.expected AS current FROM seen s),
-- In the order of the ids, so that two statements never wait for each other crosswise. ON CONFLICT decides the race between
-- statements that saw the same head.
first AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
    SELECT s.stream_id, s.expected + 1, s.event_type, s.event_data, s.metadata::jsonb, s.sealed
    FROM stream s WHERE s.current AND s.event_type IS NOT NULL
    ORDER BY s.stream_id COLLATE "C"
    ON CONFLICT (stream_id, version) DO NOTHING
    RETURNING stream_id),
-- Only behind a first event that was taken: else a stale batch would lose its first event and keep the rest. In the order of
-- the versions, which becomes the log's: a join may hand rows on in any order.
rest AS (
    INSERT INTO events (stream_id, version, event_type, event_data, metadata, sealed)
    SELECT r.stream_id, r.version, r.event_type, r.event_data, r.metadata::jsonb, r.sealed
    FROM unnest($10::text[], $11::bigint[], $12::text[], $13::bytea[], $14::text[], $15::smallint[])
         AS r(stream_id, version, event_type, event_data, metadata, sealed)
    WHERE r.stream_id IN (SELECT f.stream_id FROM first f)
    ORDER BY r.stream_id COLLATE "C", r.version),
outcome AS MATERIALIZED (
    SELECT s.no, s.stream_id, s.admitted, s.repeated, s.closed, s.head,
           s.stream_id IN (SELECT f.stream_id FROM first f) OR (s.current AND s.event_type IS NULL) AS won
    FROM stream s),
-- Two hosts that decide one command in the same moment must not both be told that they did. The later one's statement fails
-- whole and is sent again, stream by stream.
remembered AS (
    INSERT INTO commands (stream_id, command_id, name, fingerprint, first_version, last_version, rejection,
                          reducer_digest, generation, payload, payload_kind, payload_sealed, decided_at_ms)
    SELECT c.stream_id, c.command_id, c.name, c.fingerprint, c.first_version, c.last_version, c.rejection::jsonb,
           c.reducer_digest, c.generation, c.payload, c.payload_kind, c.payload_sealed, c.decided_at_ms
    FROM unnest($16::text[], $17::text[], $18::text[], $19::bytea[], $20::bigint[], $21::bigint[], $22::text[],
                $23::bytea[], $24::bigint[], $25::bytea[], $26::smallint[], $27::smallint[], $28::bigint[])
         AS c(stream_id, command_id, name, fingerprint, first_version, last_version, rejection, reducer_digest, generation,
              payload, payload_kind, payload_sealed, decided_at_ms)
    WHERE c.stream_id IN (SELECT o.stream_id FROM outcome o WHERE o.won)
    ORDER BY c.stream_id COLLATE "C", c.command_id COLLATE "C"),
-- Those of a batch without events are there already where its answer was lost and it was sent again: the stream's version, which
-- keeps other batches from being done twice, is still what it was.
effect AS (
    INSERT INTO effects (effect_id, stream_id, generation, kind, lane, due_at, body, sealed)
    SELECT f.effect_id, f.stream_id, f.generation, f.kind, f.lane, now() + make_interval(secs => f.delay_s), f.body, f.sealed
    FROM unnest($29::text[]::uuid[], $30::text[], $31::bigint[], $32::text[], $33::text[], $34::float8[], $35::bytea[],
                $36::smallint[]) AS f(effect_id, stream_id, generation, kind, lane, delay_s, body, sealed)
    WHERE f.stream_id IN (SELECT o.stream_id FROM outcome o WHERE o.won)
    ON CONFLICT (effect_id, stream_id) DO NOTHING)
SELECT o.admitted AS "admitted!", o.repeated AS "repeated!", o.closed AS "closed!", o.head AS "head!", o.won AS "won!"
FROM outcome o ORDER BY o.no
