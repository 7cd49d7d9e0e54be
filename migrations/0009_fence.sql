-- The fence: no event of a deactivated reducer is appended after the swap committed. An append shares a lock with the appends
-- of other hosts, and a swap takes it alone.

-- The fence: whether each reducer named is still active in the generation named, and stays so until the end of this transaction.
-- names are distinct and in order, so that two appends, or an append and its neighbour, never ask for locks crosswise.
--
-- The answer must be read by a snapshot that is newer than the lock: an append that waited for a swap has to see what the swap
-- wrote. The statement's own snapshot is older than the wait: with lock and read in the statement itself, a late append went
-- through. Each query inside a VOLATILE plpgsql function takes a new one. Under REPEATABLE READ there is no newer one, so
-- anything but READ COMMITTED is refused. plpgsql also keeps its plans; as LANGUAGE sql the append was a seventh slower.
--
-- An advisory lock and not FOR SHARE: a row lock is a write, so an append that loses everywhere would still be one.
CREATE FUNCTION fence_holds(names text[], generations bigint[]) RETURNS boolean[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    reducer text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'an append needs READ COMMITTED, this transaction is %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    FOREACH reducer IN ARRAY names LOOP
        -- An expression, which plpgsql evaluates without a query of its own; PERFORM would run one.
        IF pg_advisory_xact_lock_shared(hashtextextended('foldhost activation ' || reducer, 0)) IS NULL THEN
            NULL;
        END IF;
    END LOOP;
    RETURN ARRAY(
        SELECT EXISTS (SELECT FROM active_reducers a WHERE a.name = u.name AND a.generation = u.generation)
        FROM unnest(names, generations) WITH ORDINALITY AS u(name, generation, no) ORDER BY u.no);
END $$;

-- The other side: whoever changes a row of active_reducers waits for the appends in progress, and holds up those to come until
-- it has committed. In a trigger, so that a change by hand is a swap too.
CREATE FUNCTION wait_for_appends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('foldhost activation ' || n.name, 0))
    FROM (SELECT DISTINCT u.name FROM unnest(ARRAY[OLD.name, NEW.name]) AS u(name)
          WHERE u.name IS NOT NULL ORDER BY u.name) AS n;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE TRIGGER a_swap_waits_for_appends BEFORE INSERT OR UPDATE OR DELETE ON active_reducers
    FOR EACH ROW EXECUTE FUNCTION wait_for_appends();
