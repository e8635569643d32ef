-- Migration 0002 on SQLite: frozen. Later changes to a table are migrations of their own.

-- What is folded from the log is folded again: the projector begins at its start.
DELETE FROM bots;
DELETE FROM signals;
DELETE FROM orders;
DELETE FROM fills;
DELETE FROM positions;
UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name = 'trading';

-- SQLite adds no column that must have a value to a table that may have rows.
DROP TABLE fills;
CREATE TABLE fills (
    venue_account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    venue_trade_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    base_quantity TEXT NOT NULL,
    price_quote_per_base TEXT NOT NULL,
    quote_amount TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    fee_amount TEXT NOT NULL,
    slippage_bps TEXT NOT NULL,
    traded_at_utc TEXT NOT NULL,
    PRIMARY KEY (venue_account, symbol, venue_trade_id)
) STRICT;
CREATE INDEX fills_book_id ON fills (book_id, position);
CREATE INDEX fills_bot_id ON fills (bot_id, position);
CREATE INDEX fills_owner_id ON fills (owner_id, position);
