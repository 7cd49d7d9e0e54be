-- Appends that leave their version open take their turns, a stream at a time. In a statement of its own, before the heads are
-- asked for: a lock taken in the same statement reads an older snapshot than it waits for. And before the transaction has an
-- id: the log is read in the order of the ids, and one that was given out while waiting would put a stream's newer event
-- before its older one. In the order of the keys, so that two such appends never wait for each other crosswise.
SELECT pg_advisory_xact_lock(k.key)
FROM (SELECT DISTINCT hashtextextended('foldhost stream ' || u.stream_id, 0) AS key
      FROM unnest($1::text[]) AS u(stream_id) ORDER BY 1) k
