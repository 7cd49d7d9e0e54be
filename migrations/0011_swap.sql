-- Swaps with proof: what each activation was made of, what was found out about candidates, and the commands to decide anew.

-- Why and by whom, and who decides for a share of the streams beside the active component. A generation stands for all of it: a
-- canary that grows is another generation, so the fence needs to know nothing else.
ALTER TABLE activations
    ADD COLUMN kind            text NOT NULL DEFAULT 'activated',
    -- The component that decides for the streams of the share.
    ADD COLUMN canary_digest   bytea REFERENCES reducers,
    -- In ten-thousandths of the streams.
    ADD COLUMN canary_share    integer CHECK (canary_share BETWEEN 1 AND 10000),
    -- Whether its commands are kept with their payloads.
    ADD COLUMN journal         boolean NOT NULL DEFAULT false,
    ADD COLUMN activated_by    text,
    ADD COLUMN reason          text,
    -- What it was allowed by: {"require": "clean"}, {"accept": [...]} or {"force": true}.
    ADD COLUMN policy          jsonb,
    ADD COLUMN verification_id uuid,
    ADD CHECK ((canary_digest IS NULL) = (canary_share IS NULL));

ALTER TABLE reducers ADD COLUMN deployed_by text;

-- Shadow replays: who is held against whom, how far one has come, and what came out.
CREATE TABLE verifications (
    verification_id uuid PRIMARY KEY,
    name            text COLLATE "C" NOT NULL,
    candidate       bytea NOT NULL REFERENCES reducers,
    -- Null where nothing was active: the candidate is held against nobody.
    baseline        bytea REFERENCES reducers,
    -- Which streams, and how they are looked at.
    scope           jsonb NOT NULL,
    status          text NOT NULL CHECK (status IN ('running', 'passed', 'differs', 'failed', 'cancelled')),
    -- The last stream that the report holds.
    checkpoint      text COLLATE "C",
    report          jsonb NOT NULL DEFAULT '{}',
    started_by      text,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    -- Until when nobody but the holder of the token goes on with it.
    leased_until    timestamptz NOT NULL,
    token           bigint NOT NULL DEFAULT 1,
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX verifications_of_reducer ON verifications (name, started_at DESC);

-- The command journal: a remembered command with what it takes to decide it anew. The cipher is that of its stream's events.
ALTER TABLE commands
    ADD COLUMN payload        bytea,
    -- 0 JSON, 1 the reducer's own encoding; null where the command is not in the journal.
    ADD COLUMN payload_kind   smallint,
    ADD COLUMN payload_sealed smallint,
    -- The context's clock.
    ADD COLUMN decided_at_ms  bigint;
-- What a shadow replay reads, stream by stream.
CREATE INDEX commands_in_journal ON commands (stream_id, last_version, command_id) WHERE payload_kind IS NOT NULL;

-- One snapshot for each schema: those of the former generation stay until the new one is settled, so that the way back loads as fast
-- as the way here. A host of the version before names the former key when it saves one, and saves none any more; its streams load by
-- what there is.
ALTER TABLE snapshots DROP CONSTRAINT snapshots_pkey, ADD PRIMARY KEY (stream_id, state_schema);

-- Work that one host does for all of them after a swap, and how far it has come.
CREATE TABLE reducer_tasks (
    name         text COLLATE "C" NOT NULL,
    generation   bigint NOT NULL,
    checkpoint   text COLLATE "C",
    leased_until timestamptz NOT NULL,
    token        bigint NOT NULL DEFAULT 1,
    finished_at  timestamptz,
    PRIMARY KEY (name, generation)
);
