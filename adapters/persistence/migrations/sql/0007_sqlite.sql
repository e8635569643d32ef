-- Migration 0007 on SQLite: frozen. Later changes to a table are migrations of their own.

-- What is folded from the log is folded again: the projector begins at its start.
DELETE FROM bots;
DELETE FROM signals;
DELETE FROM fills;

DROP TABLE orders;
CREATE TABLE orders (
    client_order_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    book_id TEXT NOT NULL,
    bot_id TEXT NOT NULL,
    venue TEXT NOT NULL,
    venue_account TEXT NOT NULL,
    venue_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    base_quantity TEXT,
    quote_budget TEXT,
    limit_price TEXT,
    trigger_price TEXT,
    time_in_force TEXT NOT NULL,
    decision_price TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    needs_review INTEGER NOT NULL,
    flagged_for TEXT NOT NULL,
    filled_base TEXT NOT NULL,
    filled_quote TEXT NOT NULL,
    fills INTEGER NOT NULL,
    intended_at_utc TEXT NOT NULL,
    updated_at_utc TEXT NOT NULL,
    PRIMARY KEY (client_order_id)
) STRICT;
CREATE INDEX orders_book_id ON orders (book_id, position);
CREATE INDEX orders_bot_id ON orders (bot_id, position);
CREATE INDEX orders_owner_id ON orders (owner_id, position);
CREATE INDEX orders_venue_account_status ON orders (venue_account, status);
CREATE INDEX orders_venue_account_venue_order_id ON orders (venue_account, venue_order_id);

DROP TABLE positions;
CREATE TABLE positions (
    bot_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    base_quantity TEXT NOT NULL,
    cost_quote TEXT NOT NULL,
    realised_quote TEXT NOT NULL,
    fees_quote TEXT NOT NULL,
    buys INTEGER NOT NULL,
    sells INTEGER NOT NULL,
    opened_at_utc TEXT,
    updated_at_utc TEXT NOT NULL,
    PRIMARY KEY (bot_id, symbol)
) STRICT;
CREATE INDEX positions_owner_id ON positions (owner_id);

UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name = 'trading';
