-- Named readers of the log, and how far each has come.

-- Every takeover takes the next token. One sequence for all names: a subscription that was deleted and made again would else
-- give out tokens that the former one's readers still hold, and take their acknowledgements.
CREATE SEQUENCE subscription_tokens;

-- A row is written with every acknowledgement: room in its page keeps the new version there, and off the index.
CREATE TABLE subscriptions (
    name             text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 255),
    -- What it reads; null is everything.
    category         text,
    event_type       text,
    -- The checkpoint: everything up to here was acknowledged. Null is the beginning of the log.
    epoch            bigint,
    transaction_id   xid8,
    global_position  bigint,
    acknowledged_at  timestamptz,
    -- Who reads, and until when nobody else may.
    reader           uuid,
    leased_until     timestamptz,
    -- Raised with every takeover: a reader that was taken over from carries an old one, and what it acknowledges is refused.
    token            bigint NOT NULL DEFAULT nextval('subscription_tokens'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((epoch IS NULL) = (transaction_id IS NULL) AND (epoch IS NULL) = (global_position IS NULL)),
    CHECK ((reader IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 50);
