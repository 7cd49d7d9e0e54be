-- The outbox: effects that were decided, until they are done. Written in the append's own statement.

-- Every claim takes the next token, and so does whoever takes an effect out of a claim's hands: what carries an older one is
-- refused.
CREATE SEQUENCE effect_tokens;

-- What became of an effect. dead: it failed and nobody was told. A type of its own and no text under a check, and no checks on the
-- other texts: with them 64 effects added 0.31 ms to their append, and add 0.26 without. What may stand in them the host sees to.
CREATE TYPE effect_status AS ENUM ('pending', 'done', 'failed', 'dead', 'discarded');

CREATE TABLE effects (
    -- UUID version 7: new ones go to the right edge of the index.
    effect_id       uuid NOT NULL,
    stream_id       text COLLATE "C" NOT NULL,
    -- Which activation decided; null is a reducer that is linked into the host.
    generation      bigint,
    kind            text NOT NULL,
    -- What it waits for.
    lane            text COLLATE "C" NOT NULL,
    status          effect_status NOT NULL DEFAULT 'pending',
    due_at          timestamptz NOT NULL,
    -- Until when nobody but the holder of the token runs it; null once the claim was given up. Apart from due_at, and in no index:
    -- a claim and its renewals write to the row's page and to nothing else.
    leased_until    timestamptz,
    token           bigint NOT NULL DEFAULT 0,
    attempts        bigint NOT NULL DEFAULT 0,
    -- What it says, and how far it has come; the ciphers as events have them. Null where its stream was erased.
    body            bytea,
    sealed          smallint,
    progress        bytea,
    progress_sealed smallint,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    PRIMARY KEY (effect_id, stream_id),
    CHECK ((status = 'pending') = (finished_at IS NULL))
) WITH (
    -- A row is written three times within a moment: appended, claimed, done. Room in its page keeps the claim's version there and
    -- off the indexes, and what the versions before it took up is free again with the next look at the page.
    fillfactor = 50,
    -- The index of what waits keeps an entry of each effect that is over until vacuum has been there, and a claim goes past them.
    -- The default, a fifth of the table, is hundreds of thousands of them where finished effects are kept for days.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0
);

-- What is claimed, lane by lane and in its order. An effect that is over has no entry, so it costs a claim nothing.
CREATE INDEX effects_pending ON effects (lane, due_at, effect_id) WHERE status = 'pending';
-- Those that somebody may look for. Most effects are done, and never in it.
CREATE INDEX effects_failed ON effects (status, effect_id, stream_id) WHERE status >= 'failed';

-- Attempts that failed; they go with their effect.
CREATE TABLE effect_attempts (
    stream_id   text COLLATE "C" NOT NULL,
    effect_id   uuid NOT NULL,
    attempt_no  bigint GENERATED ALWAYS AS IDENTITY,
    -- Which part of the effect.
    node        bigint NOT NULL,
    took_us     bigint NOT NULL,
    code        text NOT NULL,
    message     text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, effect_id, attempt_no)
);

-- What the effects of an activation may do. Those from before may do nothing outside.
ALTER TABLE activations ADD COLUMN effects jsonb NOT NULL DEFAULT '{}';
