"""What an auditor is told: that an untouched export holds, and of every other where and why it does not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.holds.events import HoldPlaced, HoldReleased, HoldSettled
from domain.money import Money
from entrypoints.auditor import verify as auditor
from entrypoints.auditor.verify import Checkpoint, Key, Shelf, Unusable, verifies, verifies_in_python
from tests.entrypoints.auditor.exports import (
    AT,
    BOT,
    CUSTODY,
    FREE,
    ORIGIN,
    SELL,
    SIGNER,
    STRANGER,
    Log,
    Signer,
    export,
    sealed,
    story,
)

PROGRAM = Path(auditor.__file__)
LINES = story().lines
ALLOCATION_REFERENCE = ""
BACK = ((CUSTODY, "DOGE", "-5.00"), (FREE, "DOGE", "5"))
EVENTS = len(LINES)
USDT = Money(Decimal(0), "USDT")


def checked(
    directory: Path, *signers: Signer, kept: Sequence[str] = (), complete: bool = False, meaning: bool = True
) -> dict[str, Any]:
    return auditor.verify(
        directory,
        [Key.parse(str(signer.key), "the key") for signer in signers or (SIGNER,)],
        [Checkpoint.parse(note, "the kept checkpoint") for note in kept],
        complete=complete,
        meaning=meaning,
        progress=lambda *_: None,
    )


def fault(directory: Path, *signers: Signer, kept: Sequence[str] = (), **options: bool) -> dict[str, Any]:
    report = checked(directory, *signers, kept=kept, **options)
    assert not report["ok"]
    found: dict[str, Any] = report["fault"]
    assert report["checks"][found["check"]] == "failed"
    return found


def where(text: str, lines: Sequence[bytes] = LINES) -> int:
    """The one event that holds this text."""
    (index,) = (n for n, line in enumerate(lines) if text.encode() in line)
    return index


ENTRY = where('"entry_id":"fill:t-1"')
AFTER_EACH = sealed(LINES, *range(1, EVENTS + 1))


# -- What holds ----------------------------------------------------------------------------------------------


def test_an_untouched_export_holds(tmp_path: Path) -> None:
    report = checked(export(tmp_path / "log", LINES, sealed(LINES)))

    assert report["ok"], report
    assert set(report["checks"].values()) == {"ok"}
    assert (report["events"], report["sealed"], report["unsealed_tail"]) == (EVENTS, EVENTS, 0)
    assert report["streams"] == 5
    assert (report["orders"], report["fills"], report["unknown_events"]) == (2, 3, {})
    assert report["totals"] == {
        "PAPER": {
            "BTC": {"custody": "0.005996", "owner:bot": "-0.003996", "owner:held": "-0.002"},
            "USDT": {"custody": "701.8", "owner:bot": "-701.8"},
        }
    }


def test_every_stored_sample_is_written_the_one_way() -> None:
    samples = sorted(Path("tests/samples").resolve().glob("*.json")) or pytest.fail("no samples")
    for sample in samples:
        auditor.event_of(sample.read_bytes().removesuffix(b"\n"), 0)


def test_a_log_without_events_holds(tmp_path: Path) -> None:
    assert checked(export(tmp_path / "log", [], []))["ok"]
    assert checked(export(tmp_path / "log", [], [SIGNER.note([])]))["ok"]


def test_what_comes_after_the_newest_checkpoint_is_told(tmp_path: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, 5, EVENTS - 3))

    assert checked(log)["unsealed_tail"] == 3
    found = fault(log, complete=True)
    assert (found["check"], found["index"], found["through"]) == ("seal", EVENTS - 3, EVENTS - 1)


def test_a_kept_checkpoint_may_cover_more_than_the_exports_own(tmp_path: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, 5))
    assert checked(log, kept=sealed(LINES, EVENTS), complete=True)["unsealed_tail"] == 0


def test_the_same_checkpoint_twice_is_harmless(tmp_path: Path) -> None:
    assert checked(export(tmp_path / "log", LINES, sealed(LINES, 5, 5, EVENTS)))["ok"]


def test_a_note_with_an_old_and_a_new_key_holds_by_either(tmp_path: Path) -> None:
    text, _, mine = SIGNER.note(LINES).rpartition("\n\n")
    both = f"{text}\n\n{STRANGER.note(LINES).rpartition(chr(10) * 2)[2]}{mine}"
    log = export(tmp_path / "log", LINES, [both])

    assert checked(log)["ok"]
    assert checked(log, STRANGER)["ok"]
    assert checked(log, SIGNER, STRANGER)["ok"]


def test_an_unknown_event_is_told_and_no_fault(tmp_path: Path) -> None:
    log = story()
    log.add_raw("swap:1", "swaps.swap_quoted", {})
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["unknown_events"] == {
        "swaps.swap_quoted": 1
    }


def test_more_than_fits_into_memory_is_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "IN_MEMORY", 1)
    log = story()
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["ok"]

    log.moved("allocation-1", "allocation", BOT, FREE, "1", "USDT")
    assert "before, at index 3" in fault(export(tmp_path / "log", log.lines, sealed(log.lines)))["reason"]


# -- Tampering -----------------------------------------------------------------------------------------------

FLIPS = [
    ("a stream's name", '"stream":"book:b-', ENTRY, "chains", ENTRY),
    ("a version", '"version":', ENTRY, "chains", ENTRY),
    ("a name", '"name":"', ENTRY, "chains", ENTRY),
    ("an amount", '"amount":"', ENTRY, "chains", ENTRY),
    ("the link to the event before", '"prev":"', ENTRY, "chains", ENTRY),
    ("a time", '"recorded_at":"202', ENTRY, "chains", ENTRY),
    ("an actor", '"actor":"', ENTRY, "chains", ENTRY),
    ("the first link of a stream", '"prev":"', 0, "chains", 0),
    ("a space in a text", '"reason":"so', 5, "seal", 5),
    ("a byte of a longer character", "\\n", 5, "seal", 5),
    ("the last event", '"amount":"', EVENTS - 1, "seal", EVENTS - 1),
    ("a brace", "", ENTRY, "form", ENTRY),
    ("a quote", "{", ENTRY, "form", ENTRY),
    ("a field", '{"', ENTRY, "form", ENTRY),
]


@pytest.mark.parametrize(("what", "after", "index", "check", "found"), FLIPS, ids=[f[0] for f in FLIPS])
def test_a_flipped_bit_is_found(
    tmp_path: Path, what: str, after: str, index: int, check: str, found: int
) -> None:
    lines = list(LINES)
    at = lines[index].index(after.encode()) + len(after.encode())
    lines[index] = lines[index][:at] + bytes([lines[index][at] ^ 1]) + lines[index][at + 1 :]

    told = fault(export(tmp_path / "log", lines, AFTER_EACH))

    assert (told["check"], told["index"]) == (check, found), told


FORMS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("white space", lambda line: line.replace(b'":', b'": ', 1), "canonical"),
    ("an escape", lambda line: line.replace(b"fill:", b"\\u0066ill:", 1), "canonical"),
    ("a key twice", lambda line: line.replace(b'{"name"', b'{"name":"x","name"', 1), "canonical"),
    ("a float", lambda line: line.replace(b'"schema":3', b'"schema":1.0', 1), "float"),
    ("no number", lambda line: line.replace(b'"schema":3', b'"schema":NaN', 1), "float"),
    ("a switch for a number", lambda line: line.replace(b'"schema":3', b'"schema":true', 1), "fields"),
    ("a field more", lambda line: line[:-1] + b',"more":1}', "fields"),
    ("half a character", lambda line: line.replace(b"fill:", b"\\ud800:", 1), "canonical"),
    ("a byte that is no text", lambda line: line.replace(b"fill:", b"\xff:", 1), "not one event"),
    ("depth without end", lambda line: b"[" * 200_000, "not one event"),
    (
        "a number without end",
        lambda line: line.replace(b'"schema":3', b'"schema":' + b"1" * 9000),
        "not one event",
    ),
    ("nothing", lambda line: b"", "not one event"),
    ("a list", lambda line: b"[]", "fields"),
]


@pytest.mark.parametrize(("what", "change", "why"), FORMS, ids=[form[0] for form in FORMS])
def test_an_event_has_one_form(tmp_path: Path, what: str, change: Callable[[bytes], bytes], why: str) -> None:
    lines = [*LINES[:ENTRY], change(LINES[ENTRY]), *LINES[ENTRY + 1 :]]

    told = fault(export(tmp_path / "log", lines, AFTER_EACH))

    assert (told["check"], told["index"]) == ("form", ENTRY)
    assert why in told["reason"]


def test_where_a_changed_event_stands_is_told_in_full(tmp_path: Path) -> None:
    lines = [line.replace(b'"200.2"', b'"200.3"') for line in LINES]

    told = fault(export(tmp_path / "log", lines, sealed(LINES)))

    successor = where('"entry_id":"fill:t-2"')
    assert told == {
        "check": "chains",
        "index": ENTRY,
        "position": f"0-{2 * ENTRY + 3}",
        "stream": "book:b-1",
        "version": 5,
        "name": "ledger.entry_posted",
        "reason": f"the event was changed: index {successor}, next in its stream, names another",
    }


def test_an_event_taken_out_of_its_stream_is_missed_at_the_next_one(tmp_path: Path) -> None:
    lines = LINES[:ENTRY] + LINES[ENTRY + 1 :]
    told = fault(export(tmp_path / "log", lines, sealed(LINES, 5)))
    assert (told["check"], told["index"]) == ("chains", where('"entry_id":"fill:t-2"', lines))
    assert "missing" in told["reason"]


def test_a_last_event_that_is_gone_is_missed_by_the_checkpoint(tmp_path: Path) -> None:
    told = fault(export(tmp_path / "log", LINES[:-1], sealed(LINES)))
    assert told["check"] == "seal"
    assert f"signs {EVENTS} events, here are {EVENTS - 1}" in told["reason"]


def test_a_stream_that_is_gone_is_missed_where_it_was(tmp_path: Path) -> None:
    lines = [line for line in LINES if b'"bot:bot-1"' not in line]
    told = fault(export(tmp_path / "log", lines, AFTER_EACH))
    assert (told["check"], told["index"]) == ("seal", 4)


def test_an_event_put_in_again_is_found(tmp_path: Path) -> None:
    lines = [*LINES[: ENTRY + 1], LINES[ENTRY], *LINES[ENTRY + 1 :]]
    told = fault(export(tmp_path / "log", lines, sealed(LINES)))
    assert (told["check"], told["index"]) == ("chains", ENTRY + 1)
    assert "twice" in told["reason"]


def test_an_event_made_up_at_the_end_of_its_stream_is_found(tmp_path: Path) -> None:
    log = story()
    log.moved("allocation-2", "allocation", BOT, FREE, "1", "USDT")
    lines = [*LINES[:-1], log.lines[-1], LINES[-1]]  # the last of the book is moved behind it
    assert fault(export(tmp_path / "log", lines, sealed(LINES)))["index"] == EVENTS - 1
    lines = [*LINES, log.lines[-1]]
    notes = [*sealed(LINES, 5), SIGNER.note(log.lines[:5] + lines[6:])]  # of as many events
    assert fault(export(tmp_path / "log", lines, [*notes, SIGNER.note(story().lines)]))["check"] == "seal"


def test_two_events_of_a_stream_that_changed_places_are_found(tmp_path: Path) -> None:
    lines = list(LINES)
    lines[2], lines[3] = lines[3], lines[2]
    told = fault(export(tmp_path / "log", lines, sealed(LINES)))
    assert (told["check"], told["index"]) == ("chains", 2)


def test_events_of_two_streams_that_changed_places_are_found(tmp_path: Path) -> None:
    lines = list(LINES)
    lines[3], lines[4] = lines[4], lines[3]
    told = fault(export(tmp_path / "log", lines, AFTER_EACH))
    assert (told["check"], told["index"]) == ("seal", 3)
    told = fault(export(tmp_path / "log", lines, sealed(LINES, 2, 7, EVENTS)))
    assert (told["index"], told["through"]) == (2, 6)


def test_positions_only_grow_within_a_shard(tmp_path: Path) -> None:
    places = [f"{n % 2}-{n + 1}" for n in range(EVENTS)]
    assert checked(export(tmp_path / "log", LINES, sealed(LINES), positions=places))["ok"]
    places[7] = places[5]
    told = fault(export(tmp_path / "log", LINES, sealed(LINES), positions=places))
    assert (told["check"], told["index"]) == ("chains", 7)


@pytest.mark.parametrize("name", ["events", "positions", "checkpoints"])
def test_a_file_with_a_line_less_more_or_cut_off_is_found(tmp_path: Path, name: str) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    file = log / f"{name}.ndjson"
    whole = file.read_bytes()
    for damaged in (whole[: whole[:-1].rindex(b"\n") + 1], whole + b"{}\n", whole[:-1]):
        file.write_bytes(damaged)
        assert fault(log)["check"] == "form"


# -- Checkpoints ---------------------------------------------------------------------------------------------


def test_a_cut_tail_is_found_by_a_checkpoint_that_was_kept(tmp_path: Path) -> None:
    lines = LINES[:9]
    told = fault(export(tmp_path / "log", lines, sealed(lines)), kept=[SIGNER.note(LINES)])
    assert told["check"] == "seal"
    assert told["reason"].startswith("truncated or rolled back: the kept checkpoint signs")


def test_a_log_written_anew_is_found_by_a_checkpoint_that_was_kept(tmp_path: Path) -> None:
    log = Log()
    for name in ("a", "b", "c", "d", "e", "f"):
        log.add_raw(f"bot:{name}", "bots.bot_paused", {})
    told = fault(export(tmp_path / "log", log.lines, sealed(log.lines)), kept=[SIGNER.note(LINES[:4])])
    assert (told["check"], told["index"], told["through"]) == ("seal", 0, 3)
    assert "the kept checkpoint signs other 4 events" in told["reason"]


def test_two_checkpoints_of_one_size_are_a_fork(tmp_path: Path) -> None:
    other = SIGNER.note([*LINES[:-1], b"{}"])
    for notes, kept in (([*sealed(LINES), other], []), (sealed(LINES), [other])):
        told = fault(export(tmp_path / "log", LINES, notes), kept=kept)
        assert told["check"] == "seal"
        assert told["reason"].startswith("fork: checkpoint 2 and")


def test_checkpoints_that_go_back_are_a_rollback(tmp_path: Path) -> None:
    told = fault(export(tmp_path / "log", LINES, sealed(LINES, EVENTS, 5)))
    assert told["reason"] == f"rollback: checkpoint 2 signs 5 events, the one before it {EVENTS}"


def test_a_strangers_key_proves_nothing(tmp_path: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    assert "not signed by a trusted key" in fault(log, STRANGER)["reason"]
    told = fault(export(tmp_path / "log", LINES, sealed(LINES)), kept=sealed(LINES, 5, signer=STRANGER))
    assert "the kept checkpoint is not signed by a trusted key" in told["reason"]


def test_a_changed_signature_is_found(tmp_path: Path) -> None:
    forged = SIGNER.note(LINES[:5]).rpartition("\n\n")[2]
    note = SIGNER.note(LINES).rpartition("\n\n")[0] + "\n\n" + forged
    told = fault(export(tmp_path / "log", LINES, [*sealed(LINES, 5), note]))
    assert told["reason"].startswith("checkpoint 2 was changed or forged")


def test_a_trusted_name_on_a_forged_signature_is_found_beside_a_good_one(tmp_path: Path) -> None:
    text, _, mine = SIGNER.note(LINES).rpartition("\n\n")
    other = STRANGER.note(LINES[:3]).rpartition("\n\n")[2]
    log = export(tmp_path / "log", LINES, [f"{text}\n\n{mine}{other}"])
    assert checked(log)["ok"]  # of a name that is not asked about
    assert "was changed or forged" in fault(log, SIGNER, STRANGER)["reason"]


def test_a_checkpoint_of_another_log_is_found(tmp_path: Path) -> None:
    note = SIGNER.note(LINES, origin="elsewhere.example/log")
    assert "is of the log elsewhere.example/log" in fault(export(tmp_path / "log", LINES, [note]))["reason"]


def test_events_without_any_checkpoint_are_nobodys(tmp_path: Path) -> None:
    assert "nobody has signed" in fault(export(tmp_path / "log", LINES, []))["reason"]


# -- Meaning: all of it chained and signed as it should be ---------------------------------------------------


def meant(tmp_path: Path, log: Log) -> dict[str, Any]:
    directory = export(tmp_path / "log", log.lines, sealed(log.lines))
    assert checked(directory, meaning=False)["ok"]
    told = fault(directory)
    assert told["check"] == "meaning"
    return told


def more(*changes: Callable[[Log], None]) -> Log:
    log = story()
    for change in changes:
        change(log)
    return log


AN_HOUR = timedelta(hours=1)


def placed(lasts: timedelta = AN_HOUR, book: str = "b-1") -> HoldPlaced:
    return HoldPlaced(
        hold_id="h-1",
        book_id=book,
        owner_id="acc-1",
        amount=Money(Decimal("0.001"), "USDT"),
        reason="a dispute",
        placed_at_utc=AT,
        expires_at_utc=AT + lasts,
    )


def settled(amount: str, left: str) -> HoldSettled:
    return HoldSettled(
        hold_id="h-1",
        entry_id="settlement:h-1:1",
        amount=Money(Decimal(amount), "USDT"),
        to="suspense",
        left=Money(Decimal(left), "USDT"),
        settled_at_utc=AT,
    )


def released(because: str = "released") -> HoldReleased:
    return HoldReleased(
        hold_id="h-1",
        amount=Money(Decimal("0.001"), "USDT"),
        because=because,
        reason="enough",
        released_at_utc=AT,
    )


def held(log: Log, *, ended: bool = False, book: str = "b-1") -> None:
    """Money on the hold's account, and the hold."""
    log.add("hold:h-1", placed(book=book))
    log.moved("hold:h-1", "hold", BOT, "owner:held:h-1", "0.001", "USDT")
    if ended:
        log.add("hold:h-1", released())


def settlement(log: Log, told: str) -> None:
    """What the hold tells of its settlement; its entry moves 0.001."""
    held(log)
    log.add("hold:h-1", settled(told, "0"))
    legs = ("owner:held:h-1", "USDT", "0.001"), ("suspense", "USDT", "-0.001")
    log.entry("settlement:h-1:1", "settlement", *legs, order="h-1", reason="lost")


def hold_for_another_book(log: Log) -> None:
    log.intend("o-3", SELL, book="b-7")
    log.moved("hold:o-3", "hold", BOT, "owner:held:o-3", "1", "USDT")


def spare(log: Log) -> None:
    log.entry("d-1", "deposit", (CUSTODY, "DOGE", "5"), (FREE, "DOGE", "-5"))


def reversed_twice(log: Log) -> None:
    log.entry("d-0", "deposit", (CUSTODY, "DOGE", "5"), (FREE, "DOGE", "-5"))
    spare(log)
    log.reverse("d-1", *BACK)
    log.entry("reversal:d-1b", "reversal", *BACK, reverses="d-1", reason="again")


def reversed_for_no_reason(log: Log) -> None:
    spare(log)
    log.reverse("d-1", *BACK, reason=" ")


def reversed_and_back(log: Log) -> None:
    spare(log)
    log.reverse("d-1", *BACK)
    log.reverse("reversal:d-1", *((account, asset, f"{-Decimal(amount)}") for account, asset, amount in BACK))


FALSE: list[tuple[str, Callable[[Log], None], int, str]] = [
    (
        "an entry that does not balance",
        lambda log: log.entry("x", "deposit", (CUSTODY, "USDT", "10"), (FREE, "USDT", "-9")),
        EVENTS,
        "entry x does not balance: it leaves 1 USDT over",
    ),
    (
        "an entry that balances over two assets",
        lambda log: log.entry("x", "deposit", (CUSTODY, "USDT", "10"), (FREE, "BTC", "-10")),
        EVENTS,
        "does not balance",
    ),
    (
        "one leg",
        lambda log: log.entry("x", "deposit", (CUSTODY, "USDT", "10")),
        EVENTS,
        "fewer than two legs",
    ),
    (
        "a leg of zero",
        lambda log: log.entry("x", "deposit", (CUSTODY, "USDT", "0"), (FREE, "USDT", "0.0")),
        EVENTS,
        "a leg of zero",
    ),
    (
        "an account that there is not",
        lambda log: log.entry("x", "deposit", ("owner:hidden", "USDT", "9"), (FREE, "USDT", "-9")),
        EVENTS,
        "on no account: owner:hidden",
    ),
    (
        "more digits than an amount has",
        lambda log: log.moved("x", "deposit", CUSTODY, FREE, "0.1234567890123456789", "USDT"),
        EVENTS,
        "over 18 digits",
    ),
    (
        "an overdrawn account",
        lambda log: log.moved("x", "allocation", FREE, BOT, "0.01", "USDT"),
        EVENTS,
        "owner:available of book b-1 is overdrawn by 0.01 USDT",
    ),
    (
        "an entry posted twice",
        lambda log: log.moved("allocation-1", "deallocation", BOT, FREE, "1", "USDT"),
        EVENTS,
        "was posted in book b-1 before, at index 3",
    ),
    (
        "an entry in no book",
        lambda log: log.entry("x", "deposit", (CUSTODY, "X", "1"), (FREE, "X", "-1"), book="b-2"),
        EVENTS,
        "was never opened",
    ),
    (
        "a fill recorded twice",
        lambda log: log.fill("o-2", "t-1", "0.001", "50", USDT, last=False),
        EVENTS,
        f"trade t-1 of BTC/USDT was recorded before, at index {ENTRY + 1}",
    ),
    (
        "a fill booked twice",
        lambda log: log.entry("fill:t-1", "fill", (CUSTODY, "X", "1"), (FREE, "X", "-1"), order="o-1"),
        EVENTS,
        f"entry fill:t-1 was posted in book b-1 before, at index {ENTRY}",
    ),
    (
        "a fill that was not booked",
        lambda log: log.fill("o-2", "t-9", "0.001", "50", USDT, last=False),
        EVENTS,
        "trade t-9 of order o-2 has no entry in book b-1",
    ),
    (
        "an entry for no fill",
        lambda log: log.entry("fill:t-9", "fill", (CUSTODY, "X", "1"), (FREE, "X", "-1"), order="o-2"),
        EVENTS,
        "trade t-9 of order o-2 has no fill of an order of book b-1",
    ),
    (
        "a hold without an order",
        lambda log: log.moved("hold:o-9", "hold", BOT, "owner:held:o-9", "1", "USDT"),
        EVENTS,
        "owner:held:o-9 of book b-1 still holds USDT, but there is no such order or hold in that book",
    ),
    (
        "a hold of another book's order",
        hold_for_another_book,
        EVENTS + 1,
        "there is no such order or hold in that book",
    ),
    (
        "a hold of an order that has ended",
        lambda log: log.cancel("o-2"),
        EVENTS - 1,
        "owner:held:o-2 of book b-1 still holds BTC, but its order has ended",
    ),
    (
        "a hold that has ended",
        lambda log: held(log, ended=True),
        EVENTS + 1,
        "owner:held:h-1 of book b-1 still holds USDT, but the hold has ended",
    ),
    (
        "a hold of another book",
        lambda log: held(log, book="b-2"),
        EVENTS + 1,
        "there is no such order or hold in that book",
    ),
    (
        "a hold placed twice",
        lambda log: log.add("hold:h-1", placed(), placed()),
        EVENTS + 1,
        "hold h-1 was placed before",
    ),
    (
        "a settlement of no hold",
        lambda log: log.add("hold:h-1", settled("1", "1")),
        EVENTS,
        "hold h-1 was never placed",
    ),
    (
        "a settlement of another amount than its entry's",
        lambda log: settlement(log, "0.002"),
        EVENTS + 3,
        "moves 0.001 USDT by its entry, but 0.002 USDT by its order at index",
    ),
    (
        "a settlement without its entry",
        lambda log: log.add("hold:h-1", placed(), settled("0.001", "0")),
        EVENTS + 1,
        "settlement:h-1:1 of a hold has no entry in book b-1",
    ),
    (
        "a settlement after its time",
        lambda log: log.add("hold:h-1", placed(timedelta(0)), settled("0.001", "0.1")),
        EVENTS + 1,
        "was settled when its time was over",
    ),
    (
        "a hold that expired too early",
        lambda log: log.add("hold:h-1", placed(), released("expired")),
        EVENTS + 1,
        "hold h-1 expired before its time",
    ),
    (
        "a hold released twice",
        lambda log: log.add("hold:h-1", placed(), released(), released()),
        EVENTS + 2,
        "hold h-1 had ended before",
    ),
    (
        "an adjustment that does not say why",
        lambda log: log.entry("adjustment:b:0", "adjustment", ("suspense", "X", "1"), (FREE, "X", "-1")),
        EVENTS,
        "was posted by hand and does not say why",
    ),
    (
        "metadata without end",
        lambda log: log.entry(
            "x", "deposit", (CUSTODY, "X", "1"), (FREE, "X", "-1"), metadata={"a": "b" * 201}
        ),
        EVENTS,
        "metadata that is no short text by key",
    ),
    (
        "a reversal of nothing",
        lambda log: log.reverse("x", (FREE, "USDT", "-1"), (BOT, "USDT", "1")),
        EVENTS,
        "entry reversal:x reverses x, which was not posted in book b-1 before",
    ),
    (
        "a reversal of less",
        lambda log: log.reverse(
            "allocation-1", (FREE, "USDT", "-1"), (BOT, "USDT", "1"), order=ALLOCATION_REFERENCE
        ),
        EVENTS,
        "does not have the legs of allocation-1 at index 3 the other way round",
    ),
    ("a reversal that is made twice", reversed_twice, EVENTS + 3, f"reversed before, at index {EVENTS + 2}"),
    ("a reversal of a reversal", reversed_and_back, EVENTS + 2, "reverses a reversal, reversal:d-1"),
    (
        "a reversal that does not say why",
        reversed_for_no_reason,
        EVENTS + 1,
        "does not say why",
    ),
    (
        "a reversal that says so in one place only",
        lambda log: log.entry("x", "reversal", (CUSTODY, "X", "1"), (FREE, "X", "-1")),
        EVENTS,
        "is a reversal in some of its fields only",
    ),
    (
        "a link that is no reversal",
        lambda log: log.entry("x", "deposit", (CUSTODY, "X", "1"), (FREE, "X", "-1"), reverses="d"),
        EVENTS,
        "is a reversal in some of its fields only",
    ),
    ("an order from nowhere", lambda log: log.accept("o-9"), EVENTS, "order o-9 was never intended"),
    ("an order twice", lambda log: log.intend("o-1", SELL), EVENTS, "order o-1 was intended before"),
    (
        "an event of the ledger that is not known",
        lambda log: log.add_raw("book:b-1", "ledger.entry_reversed", {}),
        EVENTS,
        "this program does not know",
    ),
    (
        "a schema that is not known",
        lambda log: log.add_raw("book:b-1", "ledger.entry_posted", {}, schema=4),
        EVENTS,
        "has schema 4, this program knows 3",
    ),
    (
        "data of another event",
        lambda log: log.add_raw("book:b-1", "ledger.entry_posted", {"entry_id": "x"}),
        EVENTS,
        "its data is not that of ledger.entry_posted",
    ),
    (
        "an entry of an order",
        lambda log: log.add_raw("order:o-1", "ledger.entry_posted", {}),
        EVENTS,
        "does not belong in a stream of that name",
    ),
]


def test_reversals_are_as_good_as_any_entry(tmp_path: Path) -> None:
    """Of a deposit, and of a fill whose order has ended: what went back on hold is released again."""
    log = story()
    spare(log)
    log.reverse("d-1", *BACK)
    legs = (
        ("owner:held:o-1", "USDT", "-200"),
        (CUSTODY, "USDT", "200"),
        (CUSTODY, "BTC", "-0.003996"),
        (BOT, "BTC", "0.003996"),
    )
    fee = Money(Decimal("-0.000004"), "BTC")
    log.reverse("fill:t-2", *legs, order="o-1", fee=fee)
    log.moved("release:reversal:fill:t-2:o-1", "release", "owner:held:o-1", BOT, "200", "USDT")

    report = checked(export(tmp_path / "log", log.lines, sealed(log.lines)))

    assert report["ok"], report


@pytest.mark.parametrize(("what", "change", "index", "why"), FALSE, ids=[false[0] for false in FALSE])
def test_what_must_not_have_been_recorded_is_found(
    tmp_path: Path, what: str, change: Callable[[Log], None], index: int, why: str
) -> None:
    told = meant(tmp_path, more(change))
    assert (told["index"], why in told["reason"]) == (index, True), told


def test_a_fill_is_booked_with_its_own_amounts(tmp_path: Path) -> None:
    log = story()
    log.fill("o-2", "t-4", "0.001", "50", USDT, last=False)
    log.entry(
        "fill:t-4",
        "fill",
        (CUSTODY, "BTC", "-0.001"),
        ("owner:held:o-2", "BTC", "0.001"),
        (CUSTODY, "USDT", "49"),
        (BOT, "USDT", "-49"),
        order="o-2",
    )
    told = meant(tmp_path, log)
    assert told["index"] == EVENTS + 1
    assert "moves -0.001 BTC, 49 USDT by its entry, but -0.001 BTC, 50 USDT by its order" in told["reason"]


def test_what_the_owner_owes_may_stand_in_debit(tmp_path: Path) -> None:
    log = story()
    log.entry("late", "fee", ("owner:due", "USDT", "3"), (CUSTODY, "USDT", "-3"))
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["ok"]


def test_a_fill_of_schema_1_moved_quantity_times_price(tmp_path: Path) -> None:
    log = story()
    data = {"client_order_id": "o-2", "venue_trade_id": "t-4", "base_quantity": "0.001"}
    data |= {"price_quote_per_base": "50000.5"}
    fill = {**data, "fee": {"amount": "0", "asset": "USDT"}, "slippage_bps": "0"}
    log.add_raw("order:o-2", "orders.order_partially_filled", fill)
    log.entry(
        "fill:t-4",
        "fill",
        (CUSTODY, "BTC", "-0.001"),
        ("owner:held:o-2", "BTC", "0.001"),
        (CUSTODY, "USDT", "50.0005"),
        (BOT, "USDT", "-50.0005"),
        order="o-2",
    )
    assert checked(export(tmp_path / "log", log.lines, sealed(log.lines)))["ok"]


def test_a_broken_chain_is_told_before_an_entry_that_does_not_balance(tmp_path: Path) -> None:
    log = story()
    log.entry("x", "deposit", (CUSTODY, "USDT", "10"), (FREE, "USDT", "-9"))
    log.moved("y", "deallocation", BOT, FREE, "1", "USDT")
    lines = [*log.lines[:-1], log.lines[-1].replace(b'"prev":"', b'"prev":"x')]
    assert fault(export(tmp_path / "log", lines, sealed(lines)))["check"] == "chains"


# -- Any change at all ---------------------------------------------------------------------------------------

FILES = st.sampled_from(["events.ndjson", "checkpoints.ndjson"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=FILES,
    place=st.floats(0, 1, exclude_max=True),
    removed=st.integers(0, 3),
    put=st.one_of(st.binary(max_size=3), st.sampled_from([b" ", b"\n", b"\r", b"0", b"\\", b'"', b"="])),
)
def test_an_export_holds_if_and_only_if_its_bytes_are_untouched(
    tmp_path: Path, file: str, place: float, removed: int, put: bytes
) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    whole = (log / file).read_bytes()
    at = int(place * len(whole))
    changed = whole[:at] + put + whole[at + removed :]
    (log / file).write_bytes(changed)

    assert checked(log)["ok"] == (changed == whole)


# -- Ed25519 -------------------------------------------------------------------------------------------------

RFC_8032 = [  # section 7.1: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize("verifier", [verifies, verifies_in_python])
@pytest.mark.parametrize("vector", RFC_8032, ids=["1", "2", "3"])
def test_the_vectors_of_rfc_8032_verify(
    verifier: Callable[[bytes, bytes, bytes], bool], vector: tuple[str, str, str]
) -> None:
    public, message, signature = map(bytes.fromhex, vector)
    assert verifier(public, signature, message)
    assert not verifier(public, signature, message + b"!")
    assert not verifier(public, bytes([signature[0] ^ 1]) + signature[1:], message)
    assert not verifier(public, signature[:-1], message)
    s = int.from_bytes(signature[32:], "little") + auditor.ORDER  # the same point, written another way
    assert not verifier(public, signature[:32] + s.to_bytes(32, "little"), message)


@settings(max_examples=60, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=40), flip=st.integers(-1, 511))
def test_both_ways_to_verify_agree(seed: bytes, message: bytes, flip: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), bytearray(private.sign(message))
    if flip >= 0:
        signature[flip // 8] ^= 1 << flip % 8
    answers = {verify(public, bytes(signature), message) for verify in (verifies, verifies_in_python)}
    assert answers == {flip < 0}


def test_bytes_that_are_no_point_are_no_key() -> None:
    signature = bytes.fromhex(RFC_8032[0][2])
    for public in (b"\xff" * 32, (2).to_bytes(32, "little"), b"short"):
        assert not verifies_in_python(public, signature, b"")


def test_a_point_has_one_encoding() -> None:
    """What equals it modulo the prime, or has a sign where x is zero, is refused (RFC 8032 §5.1.3)."""
    prime, sign = auditor.P, 1 << 255
    assert auditor.point_of((1).to_bytes(32, "little")) == (0, 1, 1, 0)
    assert auditor.point_of((0).to_bytes(32, "little")) is not None
    for encoding in (prime, prime + 1, 1 | sign, (prime - 1) | sign, 2, prime + 3):
        assert auditor.point_of(encoding.to_bytes(32, "little")) is None


def multiple_of_the_base(factor: int) -> bytes:
    """Encoded, by adding and doubling."""
    assert auditor.BASE is not None
    total, power = (0, 1, 1, 0), auditor.BASE
    while factor:
        if factor & 1:
            total = auditor.sum_of(total, power)
        factor, power = factor >> 1, auditor.sum_of(power, power)
    inverse = pow(total[2], -1, auditor.P)
    x, y = total[0] * inverse % auditor.P, total[1] * inverse % auditor.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def test_a_signatures_number_is_below_the_order_and_may_be_as_large() -> None:
    """With the neutral point for a key, R = [s]B is a signature of everything: so s can be chosen."""
    neutral = (1).to_bytes(32, "little")
    for s, holds in ((auditor.ORDER - 1, True), (2**252 + 1, True), (auditor.ORDER, False)):
        signature = multiple_of_the_base(s) + s.to_bytes(32, "little")
        assert verifies_in_python(neutral, signature, b"anything") is holds


# -- As a program --------------------------------------------------------------------------------------------


def run(*arguments: object, flags: Sequence[str] = ("-I",)) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "trusted.pub"
    file.write_text(f"{SIGNER.key}\n")
    return file


@pytest.mark.parametrize("flags", [("-I",), ("-I", "-S")], ids=["with libraries", "standard library only"])
def test_the_file_runs_by_itself(tmp_path: Path, key: Path, flags: Sequence[str]) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))

    done = run(log, "--key", key, "--json", flags=flags)

    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["ok"], report["origin"], report["events"]) == (True, ORIGIN, EVENTS)
    told = run(log, "--key", key, flags=flags)
    assert "unsealed tail: 0 events" in told.stdout
    assert told.returncode == 0


def test_without_libraries_a_changed_signature_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "Ed25519PublicKey", None)
    test_an_untouched_export_holds(tmp_path)
    test_a_changed_signature_is_found(tmp_path)


def test_a_failure_is_one_sentence_and_exit_code_1(tmp_path: Path, key: Path) -> None:
    log = export(tmp_path / "log", LINES[:-1], sealed(LINES[:-1]))
    kept = tmp_path / "kept.txt"
    kept.write_text(SIGNER.note(LINES))

    done = run(log, "--key", key, "--checkpoint", kept)

    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        "form     ok",
        "chains   ok",
        "seal     failed",
        "meaning  not reached",
        f"the log as a whole: truncated or rolled back: {kept} signs {EVENTS} events, here are {EVENTS - 1}",
    ]
    assert json.loads(run(log, "--key", key, "--checkpoint", kept, "--json").stdout)["ok"] is False


def test_what_an_event_says_does_not_pass_for_the_programs_word(tmp_path: Path, key: Path) -> None:
    log = story()
    log.accept("\nmeaning  ok\x1b[2J")
    done = run(export(tmp_path / "log", log.lines, sealed(log.lines)), "--key", key)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 6)
    assert "\x1b" not in done.stdout


def test_a_key_out_of_the_export_is_remarked_on(tmp_path: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    (log / "its.pub").write_text(str(SIGNER.key))
    done = run(log, "--key", log / "its.pub")
    assert done.returncode == 0
    assert "The key is the export's own" in done.stderr


def test_what_is_no_export_and_no_key_is_exit_code_2(tmp_path: Path, key: Path) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    nothing = tmp_path / "nothing"
    nothing.write_text("nothing")

    for arguments in (
        (tmp_path, "--key", key),
        (log,),
        (log, "--key", nothing),
        (log, "--key", tmp_path / "missing.pub"),
        (log, "--key", key, "--checkpoint", nothing),
        (log, "--key", key, "--unheard-of"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "manifest",
    [
        *("", "[]", "{}", "[" * 100_000),
        '{"format":2,"origin":"o","events":0,"checkpoints":0}',
        '{"format":1,"origin":"o","events":"17","checkpoints":2}',
    ],
    ids=["nothing", "a list", "no field", "depth without end", "another format", "text for a count"],
)
def test_a_manifest_that_says_something_else_is_no_export(tmp_path: Path, manifest: str) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    (log / "manifest.json").write_text(manifest)
    with pytest.raises(Unusable, match="no export"):
        checked(log)


def test_the_file_needs_the_standard_library_only() -> None:
    tree = ast.parse(PROGRAM.read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_a_shelf_keeps_what_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor, "IN_MEMORY", 2)
    shelf = Shelf()
    for number in range(10):
        shelf.put(("key", str(number)), (number, "a\udcff"[:1]))
    assert [shelf.get(("key", str(number)))[0] for number in range(10)] == list(range(10))
    assert shelf.get(("key1",)) is None
    assert (shelf.claim(("mine",), 0), shelf.claim(("mine",), 4)) == (None, 0)
