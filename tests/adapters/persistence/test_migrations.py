"""The frozen schema is the one the code expects, on both engines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from adapters.persistence import (
    candle_tables,
    log_tables,
    migrations,
    paper_tables,
    seal_tables,
    tables,
)
from adapters.persistence.database import (
    SCHEMA_VERSION,
    Database,
    SchemaOutOfDate,
    SchemaTooNew,
    open_database,
)
from adapters.persistence.log_tables import APPENDS_IN_ORDER
from adapters.persistence.projector import Projector
from adapters.persistence.read_models import SqlReadModels
from application.views.rows import FillRow

SAMPLES = Path(__file__).parents[2] / "samples"
METADATA = (
    tables.metadata,
    log_tables.metadata,
    candle_tables.metadata,
    paper_tables.metadata,
    seal_tables.metadata,
)


def test_the_code_is_written_for_the_newest_migration() -> None:
    assert migrations.head() == SCHEMA_VERSION


@pytest.mark.parametrize("metadata", METADATA, ids=["read models", "log", "candles", "paper", "seals"])
def test_the_migrated_schema_is_what_the_code_expects(db: Database, metadata: MetaData) -> None:
    def ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        # a reflected index may be the engine's own (a unique constraint), or one that only SQL can say
        return name in metadata.tables if kind == "table" else not (reflected and kind != "column")

    options: dict[str, Any] = {"include_object": ours, "compare_type": _differ}
    with db.reading() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def _differ(context: MigrationContext, _column: Any, _meta: Any, stored: Any, wanted: Any) -> bool | None:
    """SQLite's STRICT tables know INTEGER, TEXT and BLOB; whatever else is asked for is stored as one."""
    dialect = context.dialect
    if dialect.name != "sqlite":
        return None
    asked = wanted.load_dialect_impl(dialect) if hasattr(wanted, "load_dialect_impl") else wanted
    spelled = str(asked.compile(dialect=dialect)).replace("BIGINT", "INTEGER")
    return spelled != str(stored.compile(dialect=dialect)).replace("BIGINT", "INTEGER")


def test_no_table_is_left_out(db: Database) -> None:
    known = {name for metadata in METADATA for name in metadata.tables}
    with db.reading() as connection:
        assert set(inspect(connection).get_table_names()) == known | {"alembic_version"}


def test_upgrading_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    assert migrations.current(url) == ""
    assert migrations.upgrade(url) == migrations.upgrade(url) == migrations.current(url) == SCHEMA_VERSION
    migrations.check(url)


def test_many_may_upgrade_one_postgresql_database_at_once(empty_postgres_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(migrations.upgrade, [empty_postgres_url] * 6)) == {SCHEMA_VERSION}


def test_a_migration_that_dies_midway_leaves_nothing(
    tmp_path: Path, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safety §4.25."""

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    for url in (f"sqlite:///{tmp_path / 'a.db'}", empty_postgres_url):
        with monkeypatch.context() as patched:
            patched.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", die)
            with pytest.raises(KeyboardInterrupt):
                migrations.upgrade(url)
        assert migrations.current(url) == ""
        assert migrations.upgrade(url) == SCHEMA_VERSION


def test_what_was_folded_before_a_migration_is_folded_again_after_it(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    """Safety #37: fills of the first schema, whose events have no quote amount."""
    names = ("orders.order_intended", "orders.order_accepted", "orders.order_filled")
    for url in (f"sqlite:///{tmp_path / 'a.db'}", empty_postgres_url):
        with open_database(url, check_schema=False) as db, db.transaction() as connection:
            command.upgrade(migrations._config(connection), "0001")
            for version, name in enumerate(names, 1):
                state = (SAMPLES / f"{name}.v1.json").read_bytes().removesuffix(b"\n")
                stream = json.loads(state)["stream"]
                statement = text(
                    "INSERT INTO stored_events (originator_id, originator_version, topic, state) "
                    "VALUES (:stream, :version, :name, :state)"
                )
                row = {"stream": stream, "version": version, "name": name, "state": state}
                connection.execute(statement, row)
            stale = "INSERT INTO projection_positions VALUES ('trading', 0, 3, 1, 'folding', '')"
            connection.execute(text(stale))

        migrations.upgrade(url)

        with open_database(url) as db:
            Projector(db).catch_up()
            (fill,) = SqlReadModels(db).where(FillRow)
        assert fill.quote_amount == fill.base_quantity * fill.price_quote_per_base


def test_a_database_that_was_never_upgraded_says_what_to_do(tmp_path: Path, empty_postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'none.db'}", empty_postgres_url):
        with pytest.raises(SchemaOutOfDate, match="evenkeel db upgrade"):
            open_database(url)
        with pytest.raises(SchemaOutOfDate):
            migrations.check(url)
    assert not (tmp_path / "none.db").exists()


def test_a_newer_database_is_refused(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew):
        db.require_schema()
    db.close()
    with pytest.raises(SchemaTooNew):
        migrations.upgrade(db.url)


def _store_an_event(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO stored_events (originator_id, originator_version, topic, state) "
                "VALUES ('a', 1, 't', :state)"
            ),
            {"state": b"x"},
        )


@pytest.mark.parametrize("change", ["UPDATE stored_events SET topic = 'u'", "DELETE FROM stored_events"])
def test_the_log_is_append_only(db: Database, change: str) -> None:
    """Safety §2.60."""
    _store_an_event(db)
    with pytest.raises(DBAPIError, match="append-only"), db.transaction() as connection:
        connection.execute(text(change))


def test_the_log_is_not_truncated(postgres_url: str) -> None:
    with (
        open_database(postgres_url) as db,
        pytest.raises(DBAPIError, match="append-only"),
        db.transaction() as connection,
    ):
        connection.execute(text("TRUNCATE stored_events"))


@pytest.mark.parametrize(
    ("account", "amount", "allowed"),
    [
        ("owner:available", "-1", True),
        ("owner:available", "0.00000001", False),
        ("owner:held:o-1", "5", False),
        ("owner:due", "5", True),
        ("custody:paper-1", "5", True),
        ("custody:paper-1", "0", False),
    ],
)
def test_no_owner_account_but_due_stands_in_debit(
    db: Database, account: str, amount: str, allowed: bool
) -> None:
    """Safety §2.45: also when the code forgot."""
    value = amount if db.is_sqlite else float(amount)
    statement = text("INSERT INTO balances VALUES ('b', :account, 'USDT', :amount)")
    values = {"account": account, "amount": value}
    if allowed:
        with db.transaction() as connection:
            connection.execute(statement, values)
    else:
        with pytest.raises(IntegrityError), db.transaction() as connection:
            connection.execute(statement, values)


def _run_as_application(db: Database, *statements: str) -> None:
    with db.transaction() as connection:
        for statement in ("SET LOCAL ROLE evenkeel_app", *statements):
            connection.execute(text(statement))


def test_the_application_role_may_append_and_lock_but_not_change(postgres_server: Any) -> None:
    name = "evenkeel_roles"
    url = postgres_server.create_database(name)
    try:
        with open_database(url, check_schema=False) as db, db.transaction() as connection:
            connection.execute(
                text(
                    "DO $$ BEGIN CREATE ROLE evenkeel_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                )
            )
        migrations.upgrade(url)
        with open_database(url) as db:
            _run_as_application(
                db,
                APPENDS_IN_ORDER,
                "INSERT INTO stored_events VALUES ('a', 1, 't', 'x')",
                "SELECT last_value FROM stored_events_notification_id_seq",
            )
            for change in (
                "UPDATE stored_events SET topic = 'u'",
                "DELETE FROM stored_events",
                "TRUNCATE stored_events",
                "LOCK TABLE stored_events IN EXCLUSIVE MODE",
            ):
                with pytest.raises(DBAPIError, match="permission denied"):
                    _run_as_application(db, change)
    finally:
        postgres_server.drop_database(name)
