"""The exchange over HTTP and WebSockets, in the words of Binance spot."""
