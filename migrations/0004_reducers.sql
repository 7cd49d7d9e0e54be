-- Components by digest.
CREATE TABLE reducers (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    name       text NOT NULL,
    descriptor jsonb NOT NULL,
    component  bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Which component decided when: a generation is one activation.
CREATE TABLE activations (
    name         text NOT NULL,
    generation   bigint NOT NULL CHECK (generation > 0),
    digest       bytea NOT NULL REFERENCES reducers,
    activated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, generation)
);

-- The one row that a swap updates, and that every append holds a share lock on: no event of a deactivated reducer is
-- appended after the swap committed.
CREATE TABLE active_reducers (
    name       text PRIMARY KEY,
    generation bigint NOT NULL,
    digest     bytea NOT NULL REFERENCES reducers,
    FOREIGN KEY (name, generation) REFERENCES activations
);
