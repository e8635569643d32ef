"""The paper venue: accounts, balances, orders and fills of its own, matched against closed candles."""
