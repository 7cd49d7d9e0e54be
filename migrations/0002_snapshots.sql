-- The newest snapshot of a stream. It is a cache: losing all of them costs time and nothing else.
CREATE TABLE snapshots (
    stream_id      text COLLATE "C" PRIMARY KEY,
    version        bigint NOT NULL CHECK (version > 0),
    -- Read only by a reducer that declares the same schema.
    state_schema   text NOT NULL,
    reducer_digest bytea NOT NULL CHECK (octet_length(reducer_digest) = 32),
    -- raw or zstd
    state_encoding text NOT NULL CHECK (state_encoding IN ('raw', 'zstd')),
    state_data     bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- The host compresses what is large; lz4 is for the rest. A server built without it keeps its default.
DO $$
BEGIN
    ALTER TABLE snapshots ALTER COLUMN state_data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
