"""What the auditor's program prints, word for word, run in this process."""

from __future__ import annotations

import gc
import io
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from domain.money import Money
from entrypoints.auditor import verify as auditor
from tests.entrypoints.auditor.exports import (
    BOT,
    CUSTODY,
    FREE,
    ORIGIN,
    SIGNER,
    Log,
    export,
    sealed,
    story,
)

LINES = story().lines
EVENTS = len(LINES)


@pytest.fixture(autouse=True)
def collected_again() -> Iterator[None]:
    """The program turns the collector off for good."""
    yield
    gc.enable()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "trusted.pub"
    file.write_text(f"{SIGNER.key}\n")
    return file


class Ran:
    """The program with these arguments: its exit code and what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *arguments: object, terminal: bool = False) -> None:
        out, err = io.StringIO(), io.StringIO()
        err.isatty = lambda: terminal  # type: ignore[method-assign]
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["verify.py", *map(str, arguments)])
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", err)
            patched.setenv("COLUMNS", "1000")
            try:
                self.code: object = auditor.main()
            except SystemExit as e:
                self.code = e.code
        self.out, self.err = out.getvalue(), err.getvalue()


def without_time(text: str) -> str:
    return re.sub(r"[\d.]+ s$", "0.0 s", text, flags=re.MULTILINE)


def test_all_that_holds_is_told(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = story()
    log.add_raw("swap:1", "swaps.swap_quoted", {})
    log.add_raw("swap:1", "swaps.swap_quoted", {})
    notes = sealed(log.lines, 5, EVENTS)

    ran = Ran(monkeypatch, export(tmp_path / "log", log.lines, notes), "--key", key)

    root = auditor.Checkpoint.parse(SIGNER.note(log.lines), "all").root.hex()
    assert (ran.code, ran.err) == (0, "")
    lines = [
        f"{ORIGIN}: {EVENTS + 2} events, 0.0 s",
        "form     ok",
        "chains   ok",
        "seal     ok",
        "meaning  ok",
        f"sealed   {EVENTS} events by 2 checkpoints",
        "unsealed tail: 2 events",
        f"root     {root}",
        "6 streams, 8 entries, 2 orders, 3 fills",
        "meaning not checked: 2 events swaps.swap_quoted, which this program does not know",
        f"{'PAPER':10} {'BTC':10} {'custody':16} {'0.005996':>30}",
        f"{'PAPER':10} {'BTC':10} {'owner:bot':16} {'-0.003996':>30}",
        f"{'PAPER':10} {'BTC':10} {'owner:held':16} {'-0.002':>30}",
        f"{'PAPER':10} {'USDT':10} {'custody':16} {'701.8':>30}",
        f"{'PAPER':10} {'USDT':10} {'owner:bot':16} {'-701.8':>30}",
    ]
    assert [line for line in without_time(ran.out).splitlines() if line in lines] == lines


def test_totals_are_told_by_class_of_account(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = story()
    log.entry("x", "given", (CUSTODY, "X", "9"), ("owner:bot:a:b", "X", "-4"), (FREE, "X", "-5"))
    log.entry("y", "given", ("suspense", "X", "1"), ("revenue:trading_fee", "X", "-1"))
    ran = Ran(monkeypatch, export(tmp_path / "log", log.lines, sealed(log.lines)), "--key", key, "--json")
    assert json.loads(ran.out)["totals"]["PAPER"]["X"] == {
        "custody": "9",
        "owner:available": "-5",
        "owner:bot": "-4",
        "revenue": "-1",
        "suspense": "1",
    }


def test_a_fault_of_the_whole_log_says_so(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, export(tmp_path / "log", LINES[:-1], sealed(LINES)), "--key", key)
    assert ran.out.splitlines()[-1] == (
        f"the log as a whole: truncated or rolled back: checkpoint 2 signs {EVENTS} events, "
        f"here are {EVENTS - 1}"
    )


def test_numbers_are_told_with_commas(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    for number in range(1_203):
        log.add_raw(f"bot:{number}", "bots.bot_paused", {})
    seals = sealed(log.lines, 1_001)
    ran = Ran(monkeypatch, export(tmp_path / "log", log.lines, seals), "--key", key)
    assert (ran.code, without_time(ran.out).splitlines()[0]) == (0, f"{ORIGIN}: 1,203 events, 0.0 s")
    assert "sealed   1,001 events by 1 checkpoints\nunsealed tail: 202 events\n" in ran.out
    assert "\n1,203 streams, 0 entries, 0 orders, 0 fills" in ran.out


def test_one_json_object_has_it_all(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, 5, EVENTS - 1))

    ran = Ran(monkeypatch, log, "--key", key, "--json")

    report = json.loads(ran.out)
    assert ran.out == json.dumps(report, indent=2) + "\n"
    assert 0 <= report.pop("seconds") < 60
    expected = {
        "ok": True,
        "checks": {"form": "ok", "chains": "ok", "seal": "ok", "meaning": "ok"},
        "origin": ORIGIN,
        "events": EVENTS,
        "streams": 5,
        "checkpoints": 2,
        "sealed": EVENTS - 1,
        "unsealed_tail": 1,
        "root": auditor.Checkpoint.parse(SIGNER.note(LINES), "all").root.hex(),
        "entries": 8,
        "orders": 2,
        "fills": 3,
        "unknown_events": {},
        "totals": {
            "PAPER": {
                "BTC": {"custody": "0.005996", "owner:bot": "-0.003996", "owner:held": "-0.002"},
                "USDT": {"custody": "701.8", "owner:bot": "-701.8"},
            }
        },
    }
    assert (ran.code, {name: report[name] for name in expected}) == (0, expected)


def test_without_meaning_nothing_is_said_of_it(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = story()
    log.moved("x", "allocation", FREE, BOT, "0.01", "USDT")  # overdrawn
    ran = Ran(
        monkeypatch, export(tmp_path / "log", log.lines, sealed(log.lines)), "--key", key, "--no-meaning"
    )
    assert ran.code == 0
    assert "\nmeaning  not asked for\n" in ran.out
    assert ran.out.endswith("\n5 streams\n")


def test_an_unsealed_tail_is_a_fault_where_completeness_is_asked_for(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, EVENTS - 3))
    ran = Ran(monkeypatch, log, "--key", key, "--complete")
    assert ran.code == 1
    assert ran.out.splitlines()[3:] == [
        "seal     failed",
        "meaning  not reached",
        f"index {EVENTS - 3}, through {EVENTS - 1}: the last 3 events have no checkpoint",
    ]


def test_a_fault_at_one_event_says_which(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = story()
    log.entry("x", "deposit", (CUSTODY, "USDT", "10"), (FREE, "USDT", "-9"))
    ran = Ran(monkeypatch, export(tmp_path / "log", log.lines, sealed(log.lines)), "--key", key)
    place = f"index {EVENTS}, position 0-{2 * EVENTS + 3}"
    where = f"{place}, stream book:b-1, version 10, name ledger.entry_posted"
    assert ran.out.splitlines()[1:] == [
        "form     ok",
        "chains   ok",
        "seal     ok",
        "meaning  failed",
        f"{where}: entry x does not balance: it leaves 1 USDT over",
    ]


def test_what_an_event_says_cannot_steer_a_terminal(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = story()
    log.accept("\nmeaning  ok\x1b[2J")
    ran = Ran(monkeypatch, export(tmp_path / "log", log.lines, sealed(log.lines)), "--key", key)
    assert ran.out.splitlines()[-1].endswith("order \ufffdmeaning  ok\ufffd[2J was never intended")


def test_several_keys_and_kept_checkpoints_are_taken(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES, 5))
    kept = [tmp_path / "first", tmp_path / "second"]
    for file, size in zip(kept, (EVENTS, EVENTS + 1), strict=True):
        file.write_text(SIGNER.note([*LINES, b"{}"][:size]))

    one = Ran(monkeypatch, log, "--key", key, "--key", key, "--checkpoint", kept[0])
    both = Ran(monkeypatch, log, "--key", key, "--checkpoint", kept[0], "--checkpoint", kept[1])

    assert one.code == 0
    assert both.code == 1
    assert f"truncated or rolled back: {kept[1]} signs {EVENTS + 1} events, here are {EVENTS}" in both.out


def test_on_a_terminal_progress_is_told_and_wiped_away(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    for number in range(10_001):
        log.add_raw(f"bot:{number}", "bots.bot_paused", {})
    ran = Ran(
        monkeypatch,
        export(tmp_path / "log", log.lines, sealed(log.lines, 5, 10_001)),
        *("--key", key),
        terminal=True,
    )
    assert ran.code == 0
    assert ran.err == (
        "\rcheckpoints 0 of 2\x1b[K\rcheckpoints 1 of 2\x1b[K"
        "\revents 0 of 10,001\x1b[K\revents 10,000 of 10,001\x1b[K\r\x1b[K"
    )


def test_a_key_out_of_the_export_is_remarked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    (log / "its.pub").write_text(str(SIGNER.key))
    ran = Ran(monkeypatch, log, "--key", log / "its.pub")
    assert ran.code == 0
    assert ran.err == "The key is the export's own: whoever made the one can have made the other.\n"


def test_what_is_no_export_is_said_and_exit_code_2(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "nowhere"
    ran = Ran(monkeypatch, nowhere, "--key", key)
    problem = "FileNotFoundError(2, 'No such file or directory')"
    assert (ran.code, ran.out, ran.err) == (2, "", f"{nowhere} is no export: {problem}\n")
    log = export(tmp_path / "log", LINES, sealed(LINES))
    (log / "manifest.json").write_text('{"format":2,"origin":"o","events":0,"checkpoints":0}')
    ran = Ran(monkeypatch, log, "--key", key)
    assert (ran.code, ran.err) == (2, f"{log} is no export of format 1, but of format 2\n")


def test_what_is_no_key_or_no_note_is_said_and_exit_code_2(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = export(tmp_path / "log", LINES, sealed(LINES))
    wrong = tmp_path / "wrong"
    wrong.write_text(str(SIGNER.key).replace(f"+{SIGNER.key.id.hex()}+", "+00000000+"))
    ran = Ran(monkeypatch, log, "--key", wrong)
    why = f"{wrong} is no Ed25519 verifier key, or its id is not that of the key"
    assert (ran.code, ran.err) == (2, f"{wrong} cannot be used: {why}\n")
    ran = Ran(monkeypatch, log, "--key", key, "--checkpoint", key)
    assert (ran.code, ran.err.startswith(f"{key} cannot be used: a note has ")) == (2, True)
    assert ran.err.endswith(" an empty line and signatures, a line each\n")


def test_help_says_what_each_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, "--help")
    assert ran.code == 0
    told = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "Check an exported Evenkeel log offline, trusting nobody." in told
    for line in (
        "export the exported directory",
        "--key KEY a verifier key you trust",
        "a signed note you kept",
        "--complete fail on events that no checkpoint covers",
        "--no-meaning check form, chains and seal only",
        "--json print one JSON object",
        "--liability FILE a proof of what you are owed",
    ):
        assert any(one.endswith(line) for one in told), (line, told)
    without = Ran(monkeypatch, "somewhere")
    assert (without.code, "the following arguments are required: --key" in without.err) == (2, True)


REBATE = Money(Decimal("-0.1"), "USDT")
"""A fee that the venue pays."""


def test_a_rebate_is_booked_as_it_was_reported(tmp_path: Path) -> None:
    """Safety #15: of either sign, in the entry and in the order's own report."""
    for booked, holds in (("102.1", True), ("101.9", False)):
        log = story()
        log.fill("o-2", "t-4", "0.001", "102", REBATE, last=False)
        legs = ((CUSTODY, "BTC", "-0.001"), ("owner:held:o-2", "BTC", "0.001"))
        quote = ((CUSTODY, "USDT", booked), (BOT, "USDT", f"-{booked}"))
        log.entry("fill:t-4", "fill", *legs, *quote, order="o-2", fee=REBATE)
        report = auditor.verify(
            export(tmp_path / "log", log.lines, sealed(log.lines)),
            [auditor.Key.parse(str(SIGNER.key), "the key")],
            [],
            progress=lambda *_: None,
        )
        assert report["ok"] is holds, report
