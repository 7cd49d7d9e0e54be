-- The log. One row an event, never changed and never deleted.
--
-- stream_id is compared by bytes (COLLATE "C"): the order of streams must not depend on the locale of the server, and a
-- category is a prefix that the primary key can serve. Every unique key contains it, so it can be a distribution column.
CREATE TABLE events (
    stream_id       text COLLATE "C" NOT NULL CHECK (octet_length(stream_id) BETWEEN 1 AND 255),
    version         bigint NOT NULL CHECK (version > 0),
    event_type      text NOT NULL,
    event_data      bytea NOT NULL,
    metadata        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    global_position bigint GENERATED ALWAYS AS IDENTITY,
    -- Readers of the whole log follow (transaction_id, global_position): positions alone commit out of order, and a reader
    -- that trusts their maximum skips the events of a transaction that was still open.
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (stream_id, version)
);

CREATE INDEX events_by_type ON events (event_type);
CREATE INDEX events_by_time ON events USING brin (created_at);
CREATE INDEX events_in_log_order ON events (transaction_id, global_position);

CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are immutable: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_are_immutable BEFORE UPDATE OR DELETE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_events();
CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_events();
