-- What was acknowledged before the restore stays acknowledged, under the new epoch.
UPDATE subscriptions SET epoch = $1 WHERE epoch IS NOT NULL
