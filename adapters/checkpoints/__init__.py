"""Where signed checkpoints go outside the database."""
