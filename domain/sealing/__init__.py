"""Proving what the log holds: the Merkle tree over its events, and the signed notes that fix its state."""
