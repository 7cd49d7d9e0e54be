-- Transaction ids start again after a dump and restore into another cluster, and cursors made before mean nothing there; nor
-- do another database's. Nor after a recovery to an earlier moment: there the count in log_epoch is raised by hand.
SELECT hashtextextended(c.system_identifier::text || ' ' || d.oid::text || ' ' || l.epoch::text, 0) AS "epoch!"
FROM pg_control_system() c, pg_database d, log_epoch l
WHERE d.datname = current_database()
