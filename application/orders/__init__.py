"""Orders: placed on a signal, reported by the venue, recovered."""
