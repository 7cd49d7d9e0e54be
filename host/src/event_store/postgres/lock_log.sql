-- Nobody appends or reads while the log's order is made anew.
LOCK TABLE events, subscriptions IN ACCESS EXCLUSIVE MODE
