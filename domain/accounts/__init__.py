"""A person: registration, roles, status."""
