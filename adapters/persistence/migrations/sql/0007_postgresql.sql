-- Migration 0007 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

-- What is folded from the log is folded again: the projector begins at its start.
DELETE FROM bots;
DELETE FROM signals;
DELETE FROM fills;

DROP TABLE orders;
CREATE TABLE orders (
    client_order_id text NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    owner_id text NOT NULL,
    book_id text NOT NULL,
    bot_id text NOT NULL,
    venue text NOT NULL,
    venue_account text NOT NULL,
    venue_order_id text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    base_quantity numeric,
    quote_budget numeric,
    limit_price numeric,
    trigger_price numeric,
    time_in_force text NOT NULL,
    decision_price numeric NOT NULL,
    status text NOT NULL,
    status_reason text NOT NULL,
    needs_review bigint NOT NULL,
    flagged_for text NOT NULL,
    filled_base numeric NOT NULL,
    filled_quote numeric NOT NULL,
    fills bigint NOT NULL,
    intended_at_utc timestamptz NOT NULL,
    updated_at_utc timestamptz NOT NULL,
    PRIMARY KEY (client_order_id)
);
CREATE INDEX orders_book_id ON orders (book_id, position);
CREATE INDEX orders_bot_id ON orders (bot_id, position);
CREATE INDEX orders_owner_id ON orders (owner_id, position);
CREATE INDEX orders_venue_account_status ON orders (venue_account, status);
CREATE INDEX orders_venue_account_venue_order_id ON orders (venue_account, venue_order_id);

DROP TABLE positions;
CREATE TABLE positions (
    bot_id text NOT NULL,
    symbol text NOT NULL,
    owner_id text NOT NULL,
    base_quantity numeric NOT NULL,
    cost_quote numeric NOT NULL,
    realised_quote numeric NOT NULL,
    fees_quote numeric NOT NULL,
    buys bigint NOT NULL,
    sells bigint NOT NULL,
    opened_at_utc timestamptz,
    updated_at_utc timestamptz NOT NULL,
    PRIMARY KEY (bot_id, symbol)
);
CREATE INDEX positions_owner_id ON positions (owner_id);

UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name = 'trading';
