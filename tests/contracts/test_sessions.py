"""What every Sessions promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.persistence.sessions import MemorySessions, SqlSessions
from application.ports.identities import Session, Sessions
from tests.contracts.stores import STORES, database_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=STORES)
def sessions(request: pytest.FixtureRequest) -> Iterator[Sessions]:
    with database_of(request) as db:
        yield MemorySessions() if db is None else SqlSessions(db)


def session(token: str, account_id: str = "ann", minutes: int = 0) -> Session:
    started = NOON + timedelta(minutes=minutes)
    return Session(
        token_sha256=token,
        account_id=account_id,
        created_at_utc=started,
        last_seen_at_utc=started,
        expires_at_utc=started + timedelta(hours=12),
        user_agent="a browser",
    )


def test_a_session_is_found_until_it_is_ended(sessions: Sessions) -> None:
    sessions.start(session("t1"))
    assert sessions.find("t1") == session("t1")
    assert sessions.find("t2") is None
    sessions.end("t1")
    sessions.end("t1")
    assert sessions.find("t1") is None


def test_a_session_is_seen(sessions: Sessions) -> None:
    sessions.start(session("t1"))
    seen = NOON + timedelta(minutes=5, microseconds=1)
    sessions.touch("t1", seen)
    sessions.touch("t2", seen)
    assert sessions.find("t1") == replace(session("t1"), last_seen_at_utc=seen)


def test_an_accounts_sessions_are_listed_oldest_first(sessions: Sessions) -> None:
    for token, minutes in (("t2", 5), ("t1", 9), ("t3", 1)):
        sessions.start(session(token, minutes=minutes))
    sessions.start(session("t4", "bob"))
    assert [one.token_sha256 for one in sessions.of_account("ann")] == ["t3", "t2", "t1"]


def test_all_others_are_ended_at_once(sessions: Sessions) -> None:
    """Safety §2.30."""
    for token in ("t1", "t2", "t3"):
        sessions.start(session(token))
    sessions.start(session("t4", "bob"))
    assert sessions.end_all("ann", but="t2") == 2
    assert sessions.end_all("ann", but="t2") == 0
    assert [sessions.find(token) is not None for token in ("t1", "t2", "t3", "t4")] == [
        False,
        True,
        False,
        True,
    ]
    assert sessions.end_all("ann") == 1
