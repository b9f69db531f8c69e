"""Our own PostgreSQL: outbox, deliveries, ownership, crosswalk, audit trail."""
