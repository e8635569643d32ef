"""A person joins, gets roles, is frozen and unfrozen."""
