"""Holds, and the words on an entry: what an auditor lets pass, and what not and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.holds.events import HoldReleased
from tests.entrypoints.auditor.exports import AT, BOT, CUSTODY, FREE, Log, export, sealed
from tests.entrypoints.auditor.test_verify import (
    AN_HOUR,
    EVENTS,
    checked,
    held,
    meant,
    more,
    placed,
    released,
    settled,
)

OF_HOLD = "owner:held:h-1"
MOMENT = AN_HOUR / 3600 / 1_000_000
AT_ITS_END = AT + AN_HOUR


def holds(tmp_path: Path, log: Log) -> bool:
    """Whether all of it is as it should be."""
    report = checked(export(tmp_path / "log", log.lines, sealed(log.lines)))
    assert report["ok"] or report["fault"]["check"] == "meaning", report
    return bool(report["ok"])


def settle(log: Log, taken: str, left: str, number: int = 1, at: datetime = AT) -> None:
    """What the hold tells, and the entry in the book."""
    id = f"settlement:h-1:{number}"
    log.add("hold:h-1", replace(settled(taken, left), entry_id=id, settled_at_utc=at))
    book_settlement(log, taken, id)


def book_settlement(log: Log, taken: str, id: str = "settlement:h-1:1") -> None:
    legs = (OF_HOLD, "USDT", taken), ("suspense", "USDT", f"-{taken}")
    log.entry(id, "settlement", *legs, order="h-1", reason="the dispute was lost")


def without_end(log: Log) -> None:
    log.add("hold:h-1", replace(placed(), expires_at_utc=None))
    log.moved("hold:h-1", "hold", BOT, OF_HOLD, "0.001", "USDT")


def put_on_hold_again(log: Log) -> None:
    log.moved("hold:h-1:2", "hold", BOT, OF_HOLD, "0.001", "USDT")


def release(log: Log) -> None:
    log.moved("release:h-1", "release", OF_HOLD, BOT, "0.001", "USDT")


def ended(because: str, at: datetime) -> HoldReleased:
    return replace(released(because), released_at_utc=at)


# -- Settled -------------------------------------------------------------------------------------------------


def test_a_hold_is_settled_in_parts_and_has_ended_when_nothing_is_left(tmp_path: Path) -> None:
    log = more(held)
    settle(log, "0.0004", "0.0006")
    assert holds(tmp_path, log)
    settle(log, "0.0006", "0", number=2)
    assert holds(tmp_path, log)

    put_on_hold_again(log)
    told = meant(tmp_path, log)
    assert told["index"] == len(log.lines) - 1
    assert told["reason"] == f"{OF_HOLD} of book b-1 still holds USDT, but the hold has ended"
    settle(log, "0.001", "0", number=3)
    told = meant(tmp_path, log)
    assert (told["index"], told["reason"]) == (len(log.lines) - 2, "hold h-1 had ended before")


def test_a_hold_of_which_something_is_left_has_not_ended(tmp_path: Path) -> None:
    log = more(held)
    settle(log, "0.0004", "0.0006")
    put_on_hold_again(log)
    assert holds(tmp_path, log)


@pytest.mark.parametrize(("at", "in_time"), [(AT_ITS_END - MOMENT, True), (AT_ITS_END, False)])
def test_a_hold_is_settled_before_its_end(tmp_path: Path, at: datetime, in_time: bool) -> None:
    log = more(held)
    settle(log, "0.001", "0", at=at)
    if in_time:
        assert holds(tmp_path, log)
    else:
        sentence = "hold h-1 was settled when its time was over, 2024-05-01T13:00:00Z"
        assert meant(tmp_path, log)["reason"] == sentence


def test_a_hold_without_an_end_is_settled_at_any_time(tmp_path: Path) -> None:
    log = more(without_end)
    settle(log, "0.001", "0", at=AT + 10_000 * AN_HOUR)
    assert holds(tmp_path, log)


def test_a_settlement_is_told_by_its_hold_and_by_its_entry(tmp_path: Path) -> None:
    only_booked = more(held)
    book_settlement(only_booked, "0.001")
    told = meant(tmp_path, only_booked)
    assert told["reason"] == "settlement:h-1:1 of a hold has no event of a hold of book b-1"
    assert (told["index"], told["name"]) == (len(only_booked.lines) - 1, "ledger.entry_posted")

    only_told = more(held)
    only_told.add("hold:h-1", settled("0.001", "0"))
    told = meant(tmp_path, only_told)
    assert told["reason"] == "settlement:h-1:1 of a hold has no entry in book b-1"
    assert (told["index"], told["name"]) == (len(only_told.lines) - 1, "holds.hold_settled")


# -- Released ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "in_time"), [(AT_ITS_END - MOMENT, False), (AT_ITS_END, True)])
def test_a_hold_ends_by_itself_when_its_time_is_over(tmp_path: Path, at: datetime, in_time: bool) -> None:
    log = more(held, release)
    log.add("hold:h-1", ended("expired", at))
    if in_time:
        assert holds(tmp_path, log)
    else:
        assert meant(tmp_path, log)["reason"] == "hold h-1 expired before its time"


def test_somebody_may_release_a_hold_before_its_time(tmp_path: Path) -> None:
    log = more(held, release)
    log.add("hold:h-1", released())
    assert holds(tmp_path, log)


def test_a_hold_without_an_end_does_not_end_by_itself(tmp_path: Path) -> None:
    log = more(without_end, release)
    log.add("hold:h-1", ended("released", AT))
    assert holds(tmp_path, log)
    log = more(without_end, release)
    log.add("hold:h-1", ended("expired", AT + 10_000 * AN_HOUR))
    told = meant(tmp_path, log)
    assert (told["index"], told["reason"]) == (EVENTS + 3, "hold h-1 expired before its time")


def test_behind_a_hold_that_is_as_it_should_be_another_is_looked_at(tmp_path: Path) -> None:
    log = more(held)
    log.moved("hold:h-9", "hold", BOT, "owner:held:h-9", "0.001", "USDT")
    told = meant(tmp_path, log)
    assert told["reason"] == (
        "owner:held:h-9 of book b-1 still holds USDT, but there is no such order or hold in that book"
    )


# -- Words on an entry ---------------------------------------------------------------------------------------


def posted(schema: int = 3, **fields: Any) -> Callable[[Log], None]:
    """An entry with these fields, as no product of today may write it."""
    legs = [
        {"account": CUSTODY, "asset": "X", "amount": "1"},
        {"account": FREE, "asset": "X", "amount": "-1"},
    ]
    data = {"entry_id": "x", "kind": "given", "postings": legs, "reference": "", "venue_fee": None, **fields}
    return lambda log: log.add_raw("book:b-1", "ledger.entry_posted", data, schema)


@pytest.mark.parametrize("kind", ["adjustment", "settlement"])
@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": " \n"}, {"reason": None}, {"reason": 5}])
def test_who_posts_by_hand_says_why(tmp_path: Path, kind: str, reason: dict[str, Any]) -> None:
    log = more(posted(entry_id=f"{kind}:x", **reason))
    told = meant(tmp_path, log)
    assert told["reason"] == f"entry {kind}:x was posted by hand and does not say why"
    assert told["index"] == EVENTS


@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": None}, {"reason": ["a mistake"]}])
def test_who_takes_back_says_why(tmp_path: Path, reason: dict[str, Any]) -> None:
    back = [
        {"account": CUSTODY, "asset": "X", "amount": "-1"},
        {"account": FREE, "asset": "X", "amount": "1"},
    ]
    of: dict[str, Any] = {"entry_id": "reversal:x", "kind": "reversal", "reverses": "x", "postings": back}
    assert holds(tmp_path, more(posted(), posted(**of, reason="a mistake")))
    told = meant(tmp_path, more(posted(), posted(**of, **reason)))
    assert told["reason"] == "entry reversal:x reverses x and does not say why"


def test_an_entry_by_hand_with_a_reason_and_one_of_a_product_without(tmp_path: Path) -> None:
    assert holds(tmp_path, more(posted(entry_id="adjustment:x", reason="OPS-7"), posted()))


FULL = {f"{number:02}" + "k" * 198: "v" * 200 for number in range(16)}
"""As much as there may be: 16 pairs, each word of 200 characters."""


def test_as_much_metadata_as_there_may_be_holds(tmp_path: Path) -> None:
    assert holds(tmp_path, more(posted(metadata=FULL)))


@pytest.mark.parametrize(
    "metadata",
    [
        FULL | {"k": "v"},
        {"k" * 201: "v"},
        {"k": "v" * 201},
        {"a": "b", "k": 5},
        {"k": None},
        {"k": True},
        {"k": {}},
    ],
    ids=["17 pairs", "a long key", "a long value", "a number", "nothing", "a switch", "an object"],
)
def test_metadata_is_a_few_short_texts(tmp_path: Path, metadata: dict[str, Any]) -> None:
    told = meant(tmp_path, more(posted(metadata=metadata)))
    assert told["reason"] == "entry x has metadata that is no short text by key"
    assert told["index"] == EVENTS
