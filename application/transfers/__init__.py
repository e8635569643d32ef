"""Money from one owner to another."""
