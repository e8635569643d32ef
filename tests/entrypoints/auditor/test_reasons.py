"""What an auditor reads where something does not hold: whole sentences, each with its figures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from domain.money import Money
from entrypoints.auditor import verify as auditor
from entrypoints.auditor.verify import Checkpoint, Fault, Key, Unusable
from tests.architecture.tree import ROOT
from tests.entrypoints.auditor.exports import (
    BOT,
    CUSTODY,
    FREE,
    SELL,
    SIGNER,
    STRANGER,
    Log,
    export,
    sealed,
    story,
)
from tests.entrypoints.auditor.test_verify import (
    AFTER_EACH,
    ENTRY,
    EVENTS,
    LINES,
    USDT,
    checked,
    fault,
    meant,
    more,
    reversed_and_back,
    reversed_for_no_reason,
    reversed_twice,
    where,
)

HELD = "owner:held:o-2"
SECOND_FILL = where('"entry_id":"fill:t-2"')
OF_FILL = "entry reversal:fill:t-2:o-1"
MOVED = "-0.001 BTC, 49.9 USDT"
TOLD = f"{MOVED}, 0.1 USDT of fee"


def entry(*legs: tuple[str, str, str], kind: str = "deposit", **options: Any) -> Callable[[Log], None]:
    return lambda log: log.entry("x", kind, *legs, **options)


def raw(name: str, data: dict[str, Any], stream: str = "order:o-2", schema: int = 1) -> Callable[[Log], None]:
    return lambda log: log.add_raw(stream, name, data, schema)


def booked_elsewhere(log: Log) -> None:
    """A fill whose two sides differ in the fee alone."""
    fee = Money(Decimal("0.1"), "USDT")
    log.fill("o-2", "t-4", "0.001", "50", fee, last=False)
    legs = (
        (CUSTODY, "BTC", "-0.001"),
        (HELD, "BTC", "0.001"),
        (CUSTODY, "USDT", "49.9"),
        (BOT, "USDT", "-49.9"),
    )
    log.entry("fill:t-4", "fill", *legs, order="o-2")


def reversed_with_another_fee(log: Log) -> None:
    fee = Money(Decimal("0.000004"), "BTC")  # should be negative
    legs = (
        ("owner:held:o-1", "USDT", "-200"),
        (CUSTODY, "USDT", "200"),
        (CUSTODY, "BTC", "-0.003996"),
        (BOT, "BTC", "0.003996"),
    )
    log.reverse("fill:t-2", *legs, order="o-1", fee=fee)


def filled_with_something_left(log: Log) -> None:
    """The last fill of o-2 is of less than is held, and nothing is released."""
    log.fill("o-2", "t-4", "0.001", "50", USDT, last=True)
    legs = ((CUSTODY, "BTC", "-0.001"), (HELD, "BTC", "0.001"), (CUSTODY, "USDT", "50"), (BOT, "USDT", "-50"))
    log.entry("fill:t-4", "fill", *legs, order="o-2")


INTENT = {
    "client_order_id": "o-8",
    "book_id": "b-1",
    "venue_account": "v",
    "terms": {"symbol": "BTC/USDT", "side": "buy"},
}

SENTENCES: list[tuple[Callable[[Log], None], str]] = [
    (entry((CUSTODY, "USDT", "10"), (FREE, "USDT", "-9")), "entry x does not balance: it leaves 1 USDT over"),
    (
        entry((CUSTODY, "USDT", "10"), (FREE, "BTC", "-10")),
        "entry x does not balance: it leaves 10 USDT over",
    ),
    (entry((CUSTODY, "USDT", "10")), "entry x has fewer than two legs"),
    (
        entry((CUSTODY, "USDT", "0"), (FREE, "USDT", "0.0")),
        f"entry x has a leg of zero, of no asset, or on no account: {CUSTODY}",
    ),
    (
        entry(("owner:hidden", "USDT", "9"), (FREE, "USDT", "-9")),
        "entry x has a leg of zero, of no asset, or on no account: owner:hidden",
    ),
    (
        entry((CUSTODY, "USDT", "0.1234567890123456789"), (FREE, "USDT", "-0.1234567890123456789")),
        "entry x has over 18 digits before or after the point: 0.1234567890123456789",
    ),
    (
        lambda log: log.moved("x", "allocation", FREE, BOT, "0.01", "USDT"),
        "owner:available of book b-1 is overdrawn by 0.01 USDT",
    ),
    (
        lambda log: log.moved("allocation-1", "deallocation", BOT, FREE, "1", "USDT"),
        "entry allocation-1 was posted in book b-1 before, at index 3",
    ),
    (
        entry((CUSTODY, "X", "1"), (FREE, "X", "-1"), book="b-2"),
        "entry x is posted in book b-2, which was never opened",
    ),
    (
        entry((CUSTODY, "X", "1"), (FREE, "X", "-1"), kind="fill"),
        "entry x of kind fill is a fill in one of the two only",
    ),
    (
        lambda log: log.entry("fill:x", "deposit", (CUSTODY, "X", "1"), (FREE, "X", "-1")),
        "entry fill:x of kind deposit is a fill in one of the two only",
    ),
    (
        entry((CUSTODY, "X", "1"), (FREE, "X", "-1"), kind="reversal"),
        "entry x of kind reversal is a reversal in some of its fields only",
    ),
    (
        entry((CUSTODY, "X", "1"), (FREE, "X", "-1"), reverses="d"),
        "entry x of kind deposit is a reversal in some of its fields only",
    ),
    (
        lambda log: log.reverse("x", (FREE, "USDT", "-1"), (BOT, "USDT", "1")),
        "entry reversal:x reverses x, which was not posted in book b-1 before",
    ),
    (
        lambda log: log.reverse("allocation-1", (FREE, "USDT", "-1"), (BOT, "USDT", "1")),
        "entry reversal:allocation-1 does not have the legs of allocation-1 at index 3 the other way round",
    ),
    (
        reversed_with_another_fee,
        f"{OF_FILL} does not have the legs of fill:t-2 at index {SECOND_FILL} the other way round",
    ),
    (
        reversed_twice,
        f"entry reversal:d-1b reverses d-1, which was reversed before, at index {EVENTS + 2}",
    ),
    (reversed_and_back, "entry reversal:reversal:d-1 reverses a reversal, reversal:d-1"),
    (reversed_for_no_reason, "entry reversal:d-1 reverses d-1 and does not say why"),
    (
        lambda log: log.fill("o-2", "t-1", "0.001", "50", USDT, last=False),
        f"trade t-1 of BTC/USDT was recorded before, at index {ENTRY + 1}",
    ),
    (
        lambda log: log.fill("o-2", "t-9", "0.001", "50", USDT, last=False),
        "trade t-9 of order o-2 has no entry in book b-1",
    ),
    (
        lambda log: log.entry("fill:t-9", "fill", (CUSTODY, "X", "1"), (FREE, "X", "-1"), order="o-2"),
        "trade t-9 of order o-2 has no fill of an order of book b-1",
    ),
    (
        booked_elsewhere,
        f"trade t-4 of order o-2 moves {MOVED} by its entry, but {TOLD} by its order at index {EVENTS}",
    ),
    (
        lambda log: log.moved("hold:o-9", "hold", BOT, "owner:held:o-9", "1", "USDT"),
        "owner:held:o-9 of book b-1 still holds USDT, but there is no such order or hold in that book",
    ),
    (
        lambda log: log.cancel("o-2"),
        "owner:held:o-2 of book b-1 still holds BTC, but its order has ended",
    ),
    (
        filled_with_something_left,
        "owner:held:o-2 of book b-1 still holds BTC, but its order has ended",
    ),
    (lambda log: log.accept("o-9"), "order o-9 was never intended"),
    (lambda log: log.intend("o-1", SELL), "order o-1 was intended before, or under another name"),
    (
        raw("orders.order_intended", INTENT, "order:o-9"),
        "order o-9 was intended before, or under another name",
    ),
    (
        raw("ledger.book_opened", {"book_id": "b-1", "purse": "PAPER"}, "book:b-1"),
        "book b-1 was opened before, or under another name",
    ),
    (
        raw("ledger.book_opened", {"book_id": "b-3", "purse": "PAPER"}, "book:b-2"),
        "book b-2 was opened before, or under another name",
    ),
    (
        raw("ledger.entry_vanished", {}, "book:b-1"),
        "ledger.entry_vanished is an event of the ledger that this program does not know",
    ),
    (
        raw("holds.hold_doubled", {}, "hold:h-1"),
        "holds.hold_doubled is an event of the ledger that this program does not know",
    ),
    (
        raw("orders.order_accepted", {}, schema=9),
        "orders.order_accepted has schema 9, this program knows 1",
    ),
    (
        raw("ledger.entry_posted", {}, "order:o-2"),
        "ledger.entry_posted does not belong in a stream of that name",
    ),
    (
        raw("orders.order_accepted", {}, "book:b-1"),
        "orders.order_accepted does not belong in a stream of that name",
    ),
    (
        raw("ledger.entry_posted", {"entry_id": "x"}, "book:b-1"),
        "its data is not that of ledger.entry_posted: KeyError('kind')",
    ),
    (
        raw("ledger.book_opened", {"book_id": "b-2", "purse": "PAPER"}, "book:b-1"),
        "book b-1 was opened before, or under another name",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), SENTENCES, ids=[sentence[:60] for _, sentence in SENTENCES])
def test_what_must_not_have_been_recorded_is_said_in_full(
    tmp_path: Path, change: Callable[[Log], None], sentence: str
) -> None:
    assert meant(tmp_path, more(change))["reason"] == sentence


@pytest.mark.parametrize(
    "written",
    [
        "1e3",
        "+1",
        "-",
        "",
        ".5",
        "1.",
        "01",
        "00",
        "1,0",
        " 1",
        "1 ",
        "NaN",
        "1" * 63,
        "\uff11",
        "1\n",
        "--1",
        "0x1",
    ],
)
def test_an_amount_has_one_way_to_be_written(tmp_path: Path, written: str) -> None:
    legs = [
        {"account": CUSTODY, "asset": "X", "amount": written},
        {"account": FREE, "asset": "X", "amount": "-1"},
    ]
    data = {"entry_id": "x", "kind": "given", "postings": legs, "reference": "", "venue_fee": None}
    told = meant(tmp_path, more(raw("ledger.entry_posted", data, "book:b-1")))
    assert told["reason"] == f"{written[:80]!r} is no amount"


@pytest.mark.parametrize("written", ["0", "-0", "0.10", "1" * 62, "-1" + "0" * 60, "0." + "1" * 60])
def test_what_is_written_so_is_an_amount(written: str) -> None:
    assert auditor.amount(written) == Decimal(written)


def test_an_amount_that_is_quoted_is_cut() -> None:
    with pytest.raises(Fault) as refused:
        auditor.amount("1" * 200)
    assert refused.value.why == f"{'1' * 80!r} is no amount"


@pytest.mark.parametrize(
    "account",
    [
        *("owner:available", "owner:due", "owner:bot:b", "owner:held:h", "suspense", "rounding"),
        *("custody:v", "revenue:trading_fee", "expense:network", "in_transit:t", "equity:opening"),
        "custody:a\nb",
    ],
)
def test_an_account_that_there_is_may_be_posted_to(account: str) -> None:
    assert auditor.ACCOUNT.fullmatch(account)


def test_sums_are_exact_and_what_reaches_zero_is_gone() -> None:
    sums: dict[str, Decimal] = {}
    wide = Decimal("1" * 40 + "." + "1" * 40)
    auditor.add(sums, "a", wide)
    auditor.add(sums, "a", Decimal("-0.0000000000000000000000000000000000000001"))
    assert sums == {"a": Decimal("1" * 40 + "." + "1" * 39 + "0")}
    auditor.add(sums, "b", Decimal(1))
    auditor.add(sums, "a", sums["a"].copy_negate())
    assert sums == {"b": Decimal(1)}
    auditor.add(sums, "c", Decimal(0))
    assert sums == {"b": Decimal(1)}
    assert auditor.told({"b": Decimal("1.50"), "a": Decimal(100)}) == "100 a, 1.5 b"
    assert auditor.told({}) == "nothing"


@pytest.mark.parametrize(
    ("number", "text"),
    [("0", "0"), ("100", "100"), ("1.50", "1.5"), ("-2.000", "-2"), ("1E+3", "1000"), ("0.0", "0")],
)
def test_a_number_is_told_plainly(number: str, text: str) -> None:
    assert auditor.plain(Decimal(number)) == text


def test_legs_have_one_digest_in_whatever_order_and_its_opposite_another() -> None:
    legs = [
        {"account": "a", "asset": "X", "amount": "1.50"},
        {"account": "b", "asset": "X", "amount": "-1.5"},
    ]
    entry = {"postings": legs, "venue_fee": None}
    opposite = {
        "postings": [{**leg, "amount": str(-Decimal(leg["amount"]))} for leg in legs],
        "venue_fee": None,
    }
    digest = auditor.legs_digest(entry, negate=False)
    assert 2**112 < digest < 2**auditor.DIGEST_BITS == 2**128
    assert digest == auditor.legs_digest({**entry, "postings": legs[::-1]}, negate=False)
    assert digest == auditor.legs_digest(opposite, negate=True)
    assert digest != auditor.legs_digest(opposite, negate=False)
    for change in ({"account": "c"}, {"asset": "Y"}, {"amount": "1.6"}):
        assert digest != auditor.legs_digest({**entry, "postings": [legs[0] | change, legs[1]]}, negate=False)
    fee = {**entry, "venue_fee": {"asset": "X", "amount": "0.10"}}
    paid = auditor.legs_digest(fee, negate=False)
    assert paid != digest
    assert paid == auditor.legs_digest({**fee, "venue_fee": {"asset": "X", "amount": "0.1"}}, negate=False)
    assert paid != auditor.legs_digest({**fee, "venue_fee": {"asset": "Y", "amount": "0.1"}}, negate=False)
    assert paid != auditor.legs_digest({**fee, "venue_fee": {"asset": "X", "amount": "-0.1"}}, negate=False)


@pytest.mark.parametrize(
    ("name", "data", "ended"),
    [
        ("orders.order_canceled", {}, True),
        ("orders.order_refused", {}, True),
        ("orders.outcome_resolved", {"outcome": "filled"}, True),
        ("orders.outcome_resolved", {"outcome": "open"}, False),
        ("orders.outcome_unknown", {"outcome": "filled"}, False),
        ("orders.order_accepted", {}, False),
    ],
)
def test_a_hold_may_stand_as_long_as_its_order_has_not_ended(
    tmp_path: Path, name: str, data: dict[str, Any], ended: bool
) -> None:
    """Safety #44."""
    log = story()
    log.add_raw("order:o-2", name, data)
    directory = export(tmp_path / "log", log.lines, sealed(log.lines))
    keys = [Key.parse(str(SIGNER.key), "the key")]
    report = auditor.verify(directory, keys, [], progress=lambda *_: None)
    assert report["ok"] is not ended
    if ended:
        assert report["fault"]["reason"].endswith("but its order has ended")


def held_up(log: Log) -> dict[str, Any]:
    """The whole report on these events, all of them sealed."""
    with TemporaryDirectory() as directory:
        made = export(Path(directory) / "log", log.lines, sealed(log.lines))
        return checked(made)


WIDE, NARROW = "1" + "0" * 60, "0." + "0" * 58 + "1"


def with_wide_balances(purse: str) -> Log:
    """What two books have is told exactly, and what they have together has more digits than that."""
    log = story()
    for book, change, times in (("b-8", WIDE, 10), ("b-9", NARROW, 1)):
        opened = {"book_id": book, "owner_id": book, "purse": purse}
        log.add_raw(f"book:{book}", "ledger.book_opened", opened)
        for number in range(times):
            log.entry(f"x{number}", "given", (CUSTODY, "X", change), (FREE, "X", f"-{change}"), book=book)
    return log


def test_balances_that_cannot_be_added_up_are_a_fault(tmp_path: Path) -> None:
    expected = {
        "check": "meaning",
        "reason": "what several books have together has more digits than can be added",
    }
    assert meant(tmp_path, with_wide_balances("PAPER")) == expected
    log = with_wide_balances("LIVE")
    log.add_raw("platform:main", auditor.PUBLISHED, {"log_size": len(log.lines)})
    assert meant(tmp_path, log) == expected


def test_ids_may_have_colons() -> None:
    log = story()
    log.intend("o:3", SELL)
    log.moved("hold:o:3", "hold", BOT, "owner:held:o:3", "0.001", "BTC")
    log.accept("o:3")
    report = held_up(log)
    assert report["ok"], report


def test_a_trade_id_is_one_venue_accounts_own() -> None:
    log = story()
    terms = {"symbol": "BTC/USDT", "side": "buy"}
    intent = {"client_order_id": "o-8", "book_id": "b-1", "venue_account": "another", "terms": terms}
    log.add_raw("order:o-8", "orders.order_intended", intent)
    log.fill("o-8", "t-3", "0.001", "51", USDT, last=True)
    legs = ((CUSTODY, "BTC", "0.001"), (BOT, "BTC", "-0.001"), (CUSTODY, "USDT", "-51"), (BOT, "USDT", "51"))
    log.entry("fill:t-3", "fill", *legs, order="o-8")
    report = held_up(log)
    assert report["ok"], report


def test_entries_of_the_first_schema_know_no_reversals() -> None:
    log = story()
    legs = [
        {"account": CUSTODY, "asset": "X", "amount": "1"},
        {"account": FREE, "asset": "X", "amount": "-1"},
    ]
    data = {"entry_id": "x", "kind": "given", "postings": legs, "reference": "", "venue_fee": None}
    log.add_raw("book:b-1", "ledger.entry_posted", data)
    report = held_up(log)
    assert report["ok"], report


def newest_schemas() -> dict[str, int]:
    """Of each kind of event that the product writes, the schema of its newest stored sample."""
    names = [sample.name.rpartition(".v")[::2] for sample in (ROOT / "tests" / "samples").glob("*.json")]
    newest: dict[str, int] = {}
    for name, rest in names:
        newest[name] = max(newest.get(name, 0), int(rest.removesuffix(".json")))
    return newest


MEANT = [
    name
    for name in newest_schemas()
    if name.startswith(("ledger.", "orders.", "holds.", "platform."))
    and not auditor.WITHOUT_MONEY.fullmatch(name)
]


@pytest.mark.parametrize("name", MEANT)
def test_of_each_event_the_newest_schema_is_known_and_none_after_it(tmp_path: Path, name: str) -> None:
    """A name or a schema that the product writes and this program passes over would be money unseen."""
    newest = newest_schemas()[name]
    told = meant(tmp_path, more(raw(name, {}, "nothing:1", newest + 1)))
    assert told["reason"] == f"{name} has schema {newest + 1}, this program knows {newest}"
    told = meant(tmp_path, more(raw(name, {}, "nothing:1", newest)))
    assert told["reason"] == f"{name} does not belong in a stream of that name"


@pytest.mark.parametrize("name", newest_schemas())
def test_every_event_that_the_product_writes_has_a_meaning_or_is_known_to_move_no_money(name: str) -> None:
    report = held_up(more(raw(name, {}, "nothing:1", 99)))
    assert not report.get("unknown_events")


def test_a_fault_says_why() -> None:
    assert str(Fault("why", 3, 4)) == "why"


# -- Form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda line: line.replace(b'":', b'": ', 1),
            "the event is not written the one way that an event is",
        ),
        (lambda line: line[:-1] + b',"more":1}', "the line is not one event: it has other fields, or others"),
        (
            lambda line: re.sub(rb'"schema":\d', b'"schema":1.5', line),
            "the line is not one event: 1.5 is a float, which no event has",
        ),
        (
            lambda line: re.sub(rb'"schema":\d', b'"schema":NaN', line),
            "the line is not one event: NaN is a float, which no event has",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_said(
    tmp_path: Path, change: Callable[[bytes], bytes], reason: str
) -> None:
    lines = [*LINES[:ENTRY], change(LINES[ENTRY]), *LINES[ENTRY + 1 :]]
    told = fault(export(tmp_path / "log", lines, AFTER_EACH))
    ends = {"the event is": " (canonical JSON)", "the line is ": " in their place"}
    whole = reason + (ends[reason[:12]] if "float" not in reason else "")
    assert told["reason"] == whole


def damaged(tmp_path: Path, name: str, change: Callable[[bytes], bytes]) -> dict[str, Any]:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    file = log / name
    file.write_bytes(change(file.read_bytes()))
    told = fault(log)
    assert told["check"] == "form"
    return told


def test_a_file_that_was_cut_or_grew_is_named_with_its_lines(tmp_path: Path) -> None:
    for name, lines in (("events", EVENTS), ("positions", EVENTS), ("checkpoints", 2)):
        reason = damaged(tmp_path, f"{name}.ndjson", lambda whole: whole[:-1])["reason"]
        assert reason == f"{name}.ndjson was cut off: the last of its {lines} lines has no end"
    more_events = damaged(tmp_path, "events.ndjson", lambda whole: whole + LINES[0] + b"\n")
    assert more_events["reason"] == "positions.ndjson does not say where this event stood"
    assert more_events["index"] == EVENTS
    positions = damaged(tmp_path, "positions.ndjson", lambda whole: whole + b"{}\n" * 2)
    assert positions == {
        "check": "form",
        "reason": f"positions.ndjson has {EVENTS + 2} lines where there should be {EVENTS}",
    }
    notes = damaged(tmp_path, "checkpoints.ndjson", lambda whole: whole + json.dumps("x").encode() + b"\n")
    assert notes["reason"] == "checkpoints.ndjson has 3 lines where there should be 2"
    no_note = damaged(tmp_path, "checkpoints.ndjson", lambda whole: whole + b"{}\n")
    assert no_note["reason"] == "line 3 of checkpoints.ndjson is not one note, a JSON string"
    fewer = damaged(tmp_path, "manifest.json", lambda whole: whole.replace(str(EVENTS).encode(), b"1000000"))
    assert fewer["reason"] == f"events.ndjson has {EVENTS} lines where there should be 1,000,000"


def test_a_note_may_be_written_with_or_without_escapes_and_no_third_way(tmp_path: Path) -> None:
    whole = (export(tmp_path / "log", LINES, sealed(LINES)) / "checkpoints.ndjson").read_bytes()
    plain, third = whole.replace(b"\\u2014", "\u2014".encode()), whole.replace(b"\\n", b"\\u000a")
    assert whole != plain != third != whole
    (tmp_path / "log" / "checkpoints.ndjson").write_bytes(plain)
    assert checked(tmp_path / "log")["ok"]
    for wrong in (lambda _: third, lambda _: whole + b"{nothing\n", lambda _: whole + b"\xff\n"):
        reason = damaged(tmp_path, "checkpoints.ndjson", wrong)["reason"]
        assert reason.endswith(" of checkpoints.ndjson is not one note, a JSON string")


def test_an_unsealed_tail_is_no_fault_unless_completeness_is_asked_for(tmp_path: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, 5))
    report = auditor.verify(log, [Key.parse(str(SIGNER.key), "it")], [], progress=lambda *_: None)
    assert (report["ok"], report["unsealed_tail"]) == (True, EVENTS - 5)


def test_a_position_that_is_none_is_found_at_its_event(tmp_path: Path) -> None:
    told = damaged(tmp_path, "positions.ndjson", lambda whole: whole.replace(b'"index":4,', b'"index":5,'))
    assert (told["index"], told["reason"]) == (4, "positions.ndjson does not say where this event stood")
    assert told["stream"] == "bot:bot-1"


# -- Chains --------------------------------------------------------------------------------------------------


def chained(*lines: bytes) -> dict[str, Any]:
    """The fault that chains alone find among these lines."""
    chains = auditor.Chains()
    for index, line in enumerate(lines):
        event = auditor.event_of(line, index)
        try:
            chains.take(index, 0, index, event, hashlib.sha256(b"\x00" + line).digest())
        except Fault as found:
            return {"index": found.index, "why": found.why}
    try:
        chains.finish()
    except Fault as found:
        return {"index": found.index, "why": found.why, "at": "the end"}
    return {"streams": chains.streams}


def bots(*reasons: str, stream: str = "bot:1") -> list[bytes]:
    log = Log()
    for reason in reasons:
        log.add_raw(stream, "bots.bot_paused", {"reason": reason})
    return log.lines


def test_chains_that_hold_are_counted() -> None:
    assert chained() == {"streams": 0}
    assert chained(*bots("a", "b", "c"), *bots("d", stream="bot:2")) == {"streams": 2}


def test_a_gap_and_a_repetition_are_told_apart() -> None:
    a, b, c = bots("a", "b", "c")
    assert chained(a, c) == {
        "index": 1,
        "why": "the stream goes from version 1 to 3: one is missing or was moved",
    }
    assert chained(a, b, b) == {
        "index": 2,
        "why": "the stream goes from version 2 to 2: one is here twice or was moved",
    }


def test_a_changed_event_is_named_by_its_neighbours() -> None:
    a, b, c = bots("a", "b", "c")
    changed_a, changed_b = a.replace(b'"a"}', b'"x"}'), b.replace(b'"b"}', b'"x"}')
    other = bots("z", stream="bot:2")
    named = "the event was changed: index 1, next in its stream, names another"
    assert chained(changed_a, b, *other) == {"index": 0, "why": named, "at": "the end"}
    assert chained(changed_a, b, *other, c) == {"index": 0, "why": named}
    unlinked = b.replace(a_hash(a), b"f" * 64)
    assert chained(a, unlinked, *other, c) == {
        "index": 1,
        "why": "the event was changed: neither index 0 before it nor the next fits",
    }
    assert chained(a, changed_b, c) == {
        "index": 1,
        "why": "the event was changed: index 2, next in its stream, names another",
        "at": "the end",
    }
    first = a.replace(b"0" * 64, b"1" * 64)
    assert chained(first) == {"index": 0, "why": "the first event of its stream names one before it"}


def a_hash(line: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + line).hexdigest().encode()


def test_a_position_that_goes_back_within_its_shard_is_found(tmp_path: Path) -> None:
    places = [f"0-{n + 1}" for n in range(EVENTS)]
    places[7] = "0-3000"
    told = fault(export(tmp_path / "log", LINES, sealed(LINES), positions=places))
    reason = "position 0-9 does not come after the one before it"
    assert (told["check"], told["index"], told["reason"]) == ("chains", 8, reason)


def test_positions_grow_within_each_shard_from_zero_on() -> None:
    chains = auditor.Chains()
    for index, (shard, id) in enumerate([(0, 0), (1, 0), (0, 1), (1, 7)]):
        (line,) = bots("a", stream=f"bot:{index}")
        chains.take(index, shard, id, auditor.event_of(line, index), bytes(32))
    (line,) = bots("a", stream="bot:9")
    with pytest.raises(Fault) as refused:
        chains.take(4, 1, 7, auditor.event_of(line, 4), bytes(32))
    assert (refused.value.why, refused.value.index) == (
        "position 1-7 does not come after the one before it",
        4,
    )


# -- Seal ----------------------------------------------------------------------------------------------------


def test_what_a_checkpoint_lacks_is_said(tmp_path: Path) -> None:
    stranger = fault(export(tmp_path / "log", LINES, sealed(LINES)), STRANGER)
    assert stranger == {
        "check": "seal",
        "reason": "checkpoint 1 is not signed by a trusted key, only by "
        f"{SIGNER.key.name}+{SIGNER.key.id.hex()}",
    }
    text, _, mine = SIGNER.note(LINES).rpartition("\n\n")
    twice = fault(export(tmp_path / "log", LINES, [f"{text}\n\n{mine}{mine}"]), STRANGER)
    assert twice["reason"].count(f"{SIGNER.key.name}+{SIGNER.key.id.hex()}, {SIGNER.key.name}+") == 1
    elsewhere = fault(export(tmp_path / "log", LINES, [SIGNER.note(LINES, origin="elsewhere.example/log")]))
    assert elsewhere["reason"] == (
        f"checkpoint 1 is of the log elsewhere.example/log, the export of {SIGNER.key.name}"
    )
    nobody = fault(export(tmp_path / "log", LINES, []))
    assert nobody["reason"] == "there is no checkpoint: nobody has signed any of this"
    other = SIGNER.note([*LINES[:-1], b"{}"])
    forked = fault(export(tmp_path / "log", LINES, [*sealed(LINES), other]))
    assert forked["reason"] == f"fork: checkpoint 2 and checkpoint 3 sign different logs of {EVENTS} events"
    text, _, signature = SIGNER.note(LINES).rpartition("\n\n")
    forged = fault(export(tmp_path / "log", LINES, [*sealed(LINES, 5), f"{text}\nextension\n\n{signature}"]))
    assert forged["reason"] == (
        f"checkpoint 2 was changed or forged: the signature of {SIGNER.key.name} does not fit it"
    )
    broken = fault(export(tmp_path / "log", LINES, [*sealed(LINES, 5), "nothing"]))
    assert broken["reason"].startswith("line 2 of checkpoints.ndjson is no checkpoint: a note has ")
    assert broken["reason"].endswith(" an empty line and signatures, a line each")


def test_where_a_checkpoint_signs_something_else_is_said(tmp_path: Path) -> None:
    lines = list(LINES)
    lines[3], lines[4] = lines[4], lines[3]
    told = fault(export(tmp_path / "log", lines, sealed(LINES, 2, 7, EVENTS)))
    assert told == {
        "check": "seal",
        "index": 2,
        "through": 6,
        "reason": "checkpoint 2 signs other 7 events than these: from index 2 on, one was changed, moved, "
        "removed or inserted",
    }
    last = [*LINES[:-1], LINES[-1].replace(b'"102"', b'"103"')]
    only_one = fault(export(tmp_path / "log", last, sealed(LINES, EVENTS - 1, EVENTS)))
    assert (only_one["check"], only_one["index"], only_one["stream"]) == ("seal", EVENTS - 1, "book:b-1")
    assert "through" not in only_one


NOTE = SIGNER.note(LINES)
ROOT_LINE = NOTE.split("\n")[2]
SIGNATURE = NOTE.split(" ")[-1].strip()
GAP, SIZE, SIGNED = (
    r"a (note|checkpoint) has .* a line each",
    r"a (note|checkpoint)'s second line is a size, its third a root of 32 bytes",
    r"a note's signature line has a dash, a name and a signature",
)


@pytest.mark.parametrize(
    ("note", "problem"),
    [
        ("", GAP),
        (NOTE.removesuffix("\n"), GAP),
        (NOTE.replace("\n\n", "\n"), GAP),
        ("origin\n5\n\n" + NOTE.rpartition("\n\n")[2], GAP),
        ("\n" + NOTE, GAP),
        (NOTE.replace("\n\n", "\n\nmore\n\n"), GAP),
        (NOTE.replace(f"\n{EVENTS}\n", f"\n0{EVENTS}\n"), SIZE),
        (NOTE.replace(f"\n{EVENTS}\n", "\n-1\n"), SIZE),
        (NOTE.replace(f"\n{EVENTS}\n", "\n" + "1" * 20 + "\n"), SIZE),
        (NOTE.replace(ROOT_LINE, base64.b64encode(bytes(31)).decode()), SIZE),
        (NOTE.replace("\u2014", "-"), SIGNED),
        (NOTE.replace(SIGNATURE, base64.b64encode(bytes(4)).decode()), SIGNED),
        (NOTE.replace(f"\u2014 {SIGNER.key.name} ", "\u2014  "), SIGNED),
        (NOTE.replace(ROOT_LINE, ROOT_LINE[:-2] + "F="), "base64 is not written in its one way"),
    ],
)
def test_what_is_no_checkpoint_is_refused_with_the_reason(note: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        Checkpoint.parse(note, "it")


def test_a_checkpoint_is_read_to_the_last_field() -> None:
    found = Checkpoint.parse(NOTE, "it")
    root = base64.b64decode(ROOT_LINE)
    assert (found.label, found.origin, found.size, found.root) == ("it", SIGNER.key.name, EVENTS, root)
    longest = Checkpoint.parse(NOTE.replace(f"\n{EVENTS}\n", "\n" + "9" * 19 + "\n"), "it")
    assert longest.size == 10**19 - 1
    assert Checkpoint.parse(NOTE.replace(f"\n{EVENTS}\n", "\n0\n"), "it").size == 0
    one_byte = base64.b64encode(SIGNER.key.id + b"x").decode()
    assert Checkpoint.parse(NOTE.replace(SIGNATURE, one_byte), "it").size == EVENTS


def test_a_short_signature_is_a_forged_one(tmp_path: Path) -> None:
    short = NOTE.replace(SIGNATURE, base64.b64encode(SIGNER.key.id + b"x").decode())
    told = fault(export(tmp_path / "log", LINES, [short]))
    assert told["reason"] == (
        f"checkpoint 1 was changed or forged: the signature of {SIGNER.key.name} does not fit it"
    )


def verifier_key(name: str, raw: bytes) -> str:
    id = hashlib.sha256(f"{name}\n".encode() + raw).digest()[:4].hex()
    return f"{name}+{id}+{base64.b64encode(raw).decode()}"


def test_a_key_is_name_id_and_32_bytes_of_ed25519() -> None:
    public = SIGNER.key.public
    assert Key.parse(f" {SIGNER.key}\n", "it") == Key(SIGNER.key.name, SIGNER.key.id, public)
    plus = base64.b64encode(b"\x01" + b"\xfb" * 32).decode()
    assert "+" in plus
    assert Key.parse(verifier_key("n", b"\x01" + b"\xfb" * 32), "it").public == b"\xfb" * 32
    for wrong in (
        verifier_key("", b"\x01" + public),
        verifier_key("n", b"\x02" + public),
        verifier_key("n", b"\x01" + public[:-1]),
        verifier_key("n", b"\x01" + public + b"x"),
        verifier_key("n", b"\x01" + public).replace("n+", "m+", 1),
    ):
        with pytest.raises(
            ValueError, match=r"^it is no Ed25519 verifier key, or its id is not that of the key$"
        ):
            Key.parse(wrong, "it")


def test_what_is_no_export_is_said(tmp_path: Path) -> None:
    keys = [Key.parse(str(SIGNER.key), "the key")]
    log = export(tmp_path / "log", LINES, sealed(LINES))
    (log / "positions.ndjson").unlink()
    with pytest.raises(
        Unusable, match=r"log is no export: FileNotFoundError\(2, 'No such file or directory'\)"
    ):
        auditor.verify(log, keys, [], progress=lambda *_: None)
    log = export(tmp_path / "log", LINES, sealed(LINES))
    for counts in (
        '"events":1.5,"checkpoints":2',
        '"events":17,"checkpoints":"2"',
        '"events":true,"checkpoints":1',
    ):
        (log / "manifest.json").write_text(f'{{"format":1,"origin":"o",{counts}}}')
        with pytest.raises(Unusable, match=r"log is no export of format 1, but of format 1$"):
            auditor.verify(log, keys, [], progress=lambda *_: None)
