"""Sealing the log: its tree, signed checkpoints of it, and what they prove."""
