-- Counts what makes cursors that were given out meaningless and what the cluster's identity does not show: a recovery to a
-- point in time. It is a part of every cursor.
CREATE TABLE log_epoch (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch      bigint NOT NULL,
    renewed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO log_epoch (epoch) VALUES (0);
