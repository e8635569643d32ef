"""Candles from files, from replays, from a venue's public data, and generated ones."""
