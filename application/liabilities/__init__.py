"""Proof of liabilities: published, and shown to each owner for their own part."""
