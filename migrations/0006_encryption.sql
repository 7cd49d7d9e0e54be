-- Encryption of payloads, a key a stream, so that a stream can be made unreadable by dropping its key.

-- The cipher: null for plain data, 1 for XChaCha20-Poly1305 with the nonce in front. Without a check constraint, which would
-- read the whole table once.
ALTER TABLE events ADD COLUMN sealed smallint;
ALTER TABLE snapshots ADD COLUMN sealed smallint;

-- The data keys, each sealed under a master key that is not in the database.
CREATE TABLE stream_keys (
    stream_id     text COLLATE "C" PRIMARY KEY,
    master_key_id text NOT NULL,
    -- Null once it was dropped. The row stays, so that no new key is made for the stream.
    wrapped_key   bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    dropped_at    timestamptz,
    CHECK ((wrapped_key IS NULL) = (dropped_at IS NOT NULL))
);

-- SHA-256 of the state as it is stored, and of where it belongs. Without it, damage that still decodes was a wrong state; snapshots from before
-- have none and are replayed.
ALTER TABLE snapshots ADD COLUMN state_digest bytea CHECK (octet_length(state_digest) = 32);

-- An append that no reducer decided is remembered too.
ALTER TABLE commands ALTER COLUMN reducer_digest DROP NOT NULL;
