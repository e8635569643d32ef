"""The exchange itself: no clock, no randomness, no I/O. The same commands at the same times give the same state."""
