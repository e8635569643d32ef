"""The exchange itself: no clock, no randomness, no I/O. Same commands at the same times, same state."""
