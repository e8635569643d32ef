"""A simulated exchange, Binance-spot-shaped: a pure core, its journal, a server on loopback."""
