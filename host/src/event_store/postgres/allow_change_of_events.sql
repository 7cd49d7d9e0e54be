ALTER TABLE events DISABLE TRIGGER events_are_immutable
