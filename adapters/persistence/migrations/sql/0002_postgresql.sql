-- Migration 0002 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

-- What is folded from the log is folded again: the projector begins at its start.
DELETE FROM bots;
DELETE FROM signals;
DELETE FROM orders;
DELETE FROM fills;
DELETE FROM positions;
UPDATE projection_positions SET position = 0, generation = generation + 1, state = 'folding', problem = ''
 WHERE name = 'trading';

ALTER TABLE fills ADD COLUMN quote_amount numeric NOT NULL;
