"""Use cases of candles: importing them from files, downloading them from venues."""
