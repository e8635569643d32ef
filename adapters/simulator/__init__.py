"""A simulated exchange, Binance-spot-shaped: a pure core, a journal that is its truth, a server on loopback."""
