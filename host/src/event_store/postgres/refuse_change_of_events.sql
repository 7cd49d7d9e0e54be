ALTER TABLE events ENABLE TRIGGER events_are_immutable
