-- All events of the former cluster become one transaction, the first that any cluster gives out; within it they keep their
-- order by position, which is each stream's order too.
UPDATE events SET transaction_id = '3' WHERE transaction_id <> '3'
