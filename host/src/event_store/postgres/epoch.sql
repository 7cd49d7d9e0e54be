-- Transaction ids start again after a dump and restore into another cluster, and cursors made before mean nothing there.
SELECT system_identifier AS "system_identifier!" FROM pg_control_system()
