"""Exchanges' account statements, read as they are: docs/import.md has the formats."""
