"""Real venues: our orders kept at what the venue says of them, one keeper a venue account."""
