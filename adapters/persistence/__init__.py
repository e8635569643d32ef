"""The event log and everything folded from it or kept beside it, on SQLite, PostgreSQL and in memory."""
