-- The first outcome of every command that came with an id of its sender's, so that a retry is answered and not done again.
-- Written in the append's own statement.
CREATE TABLE commands (
    stream_id     text COLLATE "C" NOT NULL,
    command_id    text NOT NULL CHECK (octet_length(command_id) BETWEEN 1 AND 255),
    name          text NOT NULL,
    -- SHA-256 of name and payload: the same id with another command is a mistake, not a retry.
    fingerprint   bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- Its first event; null where it led to none.
    first_version bigint,
    -- The stream's version after it.
    last_version  bigint NOT NULL,
    -- {"code": ..., "message": ...} where a rule said no.
    rejection     jsonb,
    -- Which logic decided: null as a generation is a reducer that is linked into the host.
    reducer_digest bytea NOT NULL CHECK (octet_length(reducer_digest) = 32),
    generation    bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, command_id),
    CHECK (first_version <= last_version),
    CHECK (rejection IS NULL OR first_version IS NULL)
);
