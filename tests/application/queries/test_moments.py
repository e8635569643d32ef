"""`at`: which past is meant, and what is no past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from application.accounts.commands import RegisterAccount
from application.paper.accounts import FundPaperBook
from application.ports.event_log import RecordedEvent
from application.queries.moments import Moment, events_until, parse_moment, state_at
from domain.errors import InvalidValue
from tests.application.harness import Store, with_paper_account
from tests.builders import START, usdt


def log_of_one_event() -> Store:
    store = Store()
    store.do(RegisterAccount("acc-1", ("trader",), "0" * 64))
    assert str(store.log.head()) == "0-1"
    return store


@pytest.mark.parametrize("at", ["0-0", "0-1", "1", (START + timedelta(seconds=30)).isoformat()])
def test_what_has_happened_can_be_asked_for(at: str) -> None:
    store = log_of_one_event()
    moment = parse_moment(at, store.log, clock=store.clock)
    assert moment is not None
    assert moment.position <= store.log.head()


@pytest.mark.parametrize("at", ["0-2", "2", "0-999999", "1-0"])
def test_a_position_beyond_the_head_is_refused(at: str) -> None:
    store = log_of_one_event()
    with pytest.raises(InvalidValue) as refused:
        parse_moment(at, store.log, clock=store.clock)
    assert f"at: nothing stands at {at} yet, the log ends at 0-1" in str(refused.value)
    assert "leave at out for now" in str(refused.value)


def test_a_time_after_now_is_refused() -> None:
    store, later = log_of_one_event(), (START + timedelta(hours=1)).isoformat()
    with pytest.raises(InvalidValue) as refused:
        parse_moment(later, store.log, "effective_at", clock=store.clock)
    assert f"effective_at: {later} is in the future" in str(refused.value)
    assert "the log ends at 0-1" in str(refused.value)


@pytest.mark.parametrize("at", ["", "yesterday", "2026-03-01T12:00:00", "0001-01-01T00:00:00+14:00", "-1"])
def test_what_is_neither_time_nor_position_is_refused(at: str) -> None:
    store = log_of_one_event()
    with pytest.raises(InvalidValue, match="is neither a time with its offset"):
        parse_moment(at, store.log, clock=store.clock)


def test_a_long_stream_is_gone_through_a_page_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill folds books of a million entries: none may be read whole."""
    monkeypatch.setattr("application.queries.moments._PAGE", 2)
    store = with_paper_account(usdt("100"))
    for number in range(6):
        store.do(FundPaperBook("book-1", "acc-1", usdt("1"), f"d-{number}"))
    asked: list[int] = []
    whole = store.log.stream

    def stream(name: str, *, after_version: int = 0, limit: int = -1) -> Sequence[RecordedEvent]:
        asked.append(limit)
        return whole(name, after_version=after_version, limit=limit)

    monkeypatch.setattr(store.log, "stream", stream)
    head = Moment(store.log.head())

    assert state_at(store.log, "book:book-1", head) == store.log.load("book:book-1").state
    assert [event.version for event in events_until(store.log, "book:book-1", None)] == [*range(1, 9)]
    assert set(asked) == {2}
