"""The event store library's recorders with our two hooks: in memory, on SQLite, on PostgreSQL."""
