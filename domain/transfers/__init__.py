"""Money on its way from one owner to another."""
