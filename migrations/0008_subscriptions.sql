-- Named readers of the log, and how far each has come.
CREATE TABLE subscriptions (
    name             text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 255),
    -- What it reads; null is everything.
    category         text,
    event_type       text,
    -- The checkpoint: everything up to here was acknowledged. Null before the first acknowledgement.
    epoch            bigint,
    transaction_id   bigint,
    global_position  bigint,
    acknowledged_at  timestamptz,
    -- Who reads, and until when nobody else may. The token counts the takeovers: a reader that was taken over from carries an
    -- old one, and its acknowledgements are refused.
    reader           uuid,
    leased_until     timestamptz,
    token            bigint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((epoch IS NULL) = (transaction_id IS NULL) AND (epoch IS NULL) = (global_position IS NULL)),
    CHECK ((reader IS NULL) = (leased_until IS NULL))
);
