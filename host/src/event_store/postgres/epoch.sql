-- Transaction ids start again after a dump and restore into another cluster, and cursors made before mean nothing there; nor
-- do another database's.
SELECT hashtextextended(c.system_identifier::text || ' ' || d.oid::text, 0) AS "epoch!"
FROM pg_control_system() c, pg_database d
WHERE d.datname = current_database()
