"""What use cases need from the outside world: one Protocol a file."""
