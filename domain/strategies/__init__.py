"""Closed candles in, signals out. The one place where floats are allowed."""
