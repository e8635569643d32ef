"""Any spot venue that ccxt speaks to: words, units and errors translated, nothing decided."""
