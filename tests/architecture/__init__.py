"""What the shape of the code must be, tested like any other promise."""
