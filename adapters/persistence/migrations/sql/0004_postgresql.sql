-- Migration 0004 on PostgreSQL: frozen. Later changes to a table are migrations of their own.

CREATE TABLE cases (
    case_id text NOT NULL,
    position bigint NOT NULL,
    venue_account text NOT NULL,
    purse text NOT NULL,
    book_id text NOT NULL,
    owner_id text NOT NULL,
    subject text NOT NULL,
    kind text NOT NULL,
    here text NOT NULL,
    there text NOT NULL,
    difference text NOT NULL,
    entry_id text NOT NULL,
    client_order_id text NOT NULL,
    status text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    closed_by text NOT NULL,
    run_id text NOT NULL,
    occurred_at_utc timestamptz,
    opened_at_utc timestamptz NOT NULL,
    closed_at_utc timestamptz,
    PRIMARY KEY (case_id)
);
CREATE INDEX cases_book_id ON cases (book_id, position);
CREATE INDEX cases_owner_id ON cases (owner_id, position);

CREATE TABLE reconciliations (
    run_id text NOT NULL,
    position bigint NOT NULL,
    source text NOT NULL,
    run_by text NOT NULL,
    accounts bigint NOT NULL,
    unanswered bigint NOT NULL,
    lines_matched bigint NOT NULL,
    fills_booked bigint NOT NULL,
    open_cases bigint NOT NULL,
    cases_opened bigint NOT NULL,
    cases_closed bigint NOT NULL,
    is_clean bigint NOT NULL,
    started_at_utc timestamptz NOT NULL,
    ended_at_utc timestamptz NOT NULL,
    PRIMARY KEY (run_id)
);

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evenkeel_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON cases, reconciliations TO evenkeel_app;
    END IF;
END $$;
