-- Reading the log by type and by category, in its own order and behind a cursor, without sorting anything. The index over the
-- type alone becomes one that is in the log's order within each type.
CREATE INDEX IF NOT EXISTS events_of_type_in_log_order ON events (event_type, transaction_id, global_position);
DROP INDEX events_by_type;

-- The category is what stands before the first '-'.
CREATE INDEX IF NOT EXISTS events_of_category_in_log_order ON events (split_part(stream_id, '-', 1), transaction_id, global_position);
