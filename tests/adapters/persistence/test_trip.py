"""Statements in one round trip: all or none, and the connection is usable afterwards, or closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg import Connection
from psycopg.pq.abc import PGresult

from adapters.persistence.recorders.arrays import numbers, texts
from adapters.persistence.recorders.trip import Parameter, Trip

Said = tuple[str, Sequence[Parameter]]
INSERT = "INSERT INTO things SELECT * FROM unnest(%b::text[], %t::bigint[]) RETURNING size"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        opened.execute("CREATE TABLE things (name text PRIMARY KEY, size bigint)")
        yield opened


def go(connection: Connection, prepared: dict[str, bytes], *said: Said) -> list[PGresult]:
    with Trip(connection, prepared) as trip:
        trip.say("BEGIN")
        for statement, parameters in said:
            trip.say(statement, parameters)
        trip.say("COMMIT")
        return trip.arrive()[1:-1]


def inserting(*names: str) -> Said:
    return INSERT, (texts(names), numbers(range(len(names))))


def insert(connection: Connection, prepared: dict[str, bytes], *names: str) -> list[bytes | None]:
    (inserted,) = go(connection, prepared, inserting(*names))
    return [inserted.get_value(row, 0) for row in range(inserted.ntuples)]


def stored(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY name")]


def test_every_statement_is_answered_in_order(connection: Connection) -> None:
    prepared: dict[str, bytes] = {}

    assert insert(connection, prepared, "a", "b") == [b"0", b"1"]
    assert insert(connection, prepared, "c") == [b"0"]
    assert stored(connection) == ["a", "b", "c"]


def test_statements_are_prepared_once(connection: Connection) -> None:
    prepared: dict[str, bytes] = {}
    for name in "abc":
        insert(connection, prepared, name)

    (found,) = (
        connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE name ~ '^ek'").fetchone() or ()
    )

    assert found == len(prepared) == 3


def test_a_statement_that_fails_undoes_the_others_and_leaves_the_connection_usable(
    connection: Connection,
) -> None:
    prepared: dict[str, bytes] = {}
    insert(connection, prepared, "a")

    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        go(connection, prepared, inserting("b"), inserting("a"), ("SELECT 1", ()))

    assert refused.value.diag.constraint_name == "things_pkey"
    assert stored(connection) == ["a"]
    assert insert(connection, prepared, "c") == [b"0"]


def test_a_first_trip_that_fails_prepares_again(connection: Connection) -> None:
    prepared: dict[str, bytes] = {}
    with pytest.raises(psycopg.errors.DivisionByZero):
        go(connection, prepared, ("SELECT 1 / %t::int", (0,)), inserting("a"))

    assert insert(connection, prepared, "a") == [b"0"]


def test_a_trip_broken_off_on_our_side_leaves_nothing_behind(connection: Connection) -> None:
    prepared: dict[str, bytes] = {}
    with pytest.raises(UnicodeEncodeError):
        go(connection, prepared, inserting("a"), ("SELECT %t", ("\ud800",)))

    assert stored(connection) == []
    assert insert(connection, prepared, "a") == [b"0"]


def test_statements_that_somebody_dropped_are_prepared_anew(connection: Connection) -> None:
    prepared: dict[str, bytes] = {}
    insert(connection, prepared, "a")
    connection.execute("DEALLOCATE ALL")

    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        insert(connection, prepared, "b")

    assert insert(connection, prepared, "b") == [b"0"]


def test_a_lost_connection_is_said_and_closed(connection: Connection, postgres_url: str) -> None:
    prepared: dict[str, bytes] = {}
    insert(connection, prepared, "a")
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        insert(connection, prepared, "b")

    assert connection.closed


@pytest.mark.timeout(60)
def test_more_than_the_sockets_buffers_hold_goes_both_ways(connection: Connection) -> None:
    """Each side would wait for the other to read, for ever, if we only wrote."""
    large = texts("x" * 1_000 for _ in range(2_000))
    answers = go(connection, {}, *[("SELECT unnest(%b::text[])", (large,))] * 10)

    assert [answer.ntuples for answer in answers] == [2_000] * 10
