-- Migration 0004 on SQLite: frozen. Later changes to a table are migrations of their own.

CREATE TABLE cases (
    case_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    venue_account TEXT NOT NULL,
    purse TEXT NOT NULL,
    book_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    here TEXT NOT NULL,
    there TEXT NOT NULL,
    difference TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    closed_by TEXT NOT NULL,
    run_id TEXT NOT NULL,
    occurred_at_utc TEXT,
    opened_at_utc TEXT NOT NULL,
    closed_at_utc TEXT,
    PRIMARY KEY (case_id)
) STRICT;
CREATE INDEX cases_book_id ON cases (book_id, position);
CREATE INDEX cases_owner_id ON cases (owner_id, position);

CREATE TABLE reconciliations (
    run_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    run_by TEXT NOT NULL,
    accounts INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    lines_matched INTEGER NOT NULL,
    fills_booked INTEGER NOT NULL,
    open_cases INTEGER NOT NULL,
    cases_opened INTEGER NOT NULL,
    cases_closed INTEGER NOT NULL,
    is_clean INTEGER NOT NULL,
    started_at_utc TEXT NOT NULL,
    ended_at_utc TEXT NOT NULL,
    PRIMARY KEY (run_id)
) STRICT;
