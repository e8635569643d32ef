"""What is owed to all owners together, provable to each of them without showing the others."""
