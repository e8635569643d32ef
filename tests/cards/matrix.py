"""Writes docs/venues.md from the profiles and the exam: `make venues`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import stamina

from adapters.exchanges.ccxt.profiles import (
    BINANCE,
    BY_ID,
    BY_STATUS,
    COINBASE,
    GEMINI,
    KRAKEN,
    ONE_PAGE,
    OTHER,
    VenueProfile,
)
from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.ports.exchange import FOREVER, NEVER, WHILE_OPEN, Guarantees
from domain.orders.order import ORDER_TYPES, TIMES_IN_FORCE
from tests.cards.benches import EXAMINED
from tests.cards.card import Card
from tests.cards.deck import DECK, GROUPS
from tests.cards.runner import Result, missing, run

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "venues.md"

_PROFILES: Mapping[str, VenueProfile | None] = {
    "paper": None,
    "binance": BINANCE,
    "kraken": KRAKEN,
    "coinbase": COINBASE,
    "gemini": GEMINI,
    "any other ccxt name": OTHER,
}

_HEAD = """\
# What each venue promises, and what was tested

Written by `make venues`; do not edit. A test fails while this page says something else than the code.

Any spot venue that [ccxt](https://github.com/ccxt/ccxt) speaks to can be named where a venue is asked for.
What differs between venues is what they promise about orders, and Evenkeel relies on nothing that a venue
does not promise ([ADR 29](adr/0029-a-venue-proves-or-it-is-unknown.md)). A simulated exchange named in
`EVENKEEL_SIMULATORS` is spoken to as `binance` is.

## Promises

As the venues' own documentation has them. Evenkeel has not measured them at the venues themselves: its tests
run against recorded answers, against answers of their shape on loopback, and against the simulated exchange.

"""

_MEANING = """
- **A late request is refused**: a new order carries the moment after which the venue may not take it. Where
  it does, an order that was never answered and is not found afterwards is proven never to have been;
  elsewhere it goes to review.
- **A client id is refused again**: how long the venue refuses a second order under the same id.
- **Not found is proof after**: an accepted order may be missing from the venue's answers for that long.
- **An order is found by** its client id: *one request*; *lists* of open and ended orders, filtered by the id
  (proof), or the newest hundred (no proof).
- **An account's trades**: *the newest only*, and where a page is full, what is missing is a doubt.
- **A market buy's fee**: *in base*, all of the budget buys; *out of the budget*, room is left for the fee.

## What an error proves

A new order that met an error is **refused** only where the venue itself said no, in JSON, with an error that
its table in `adapters/exchanges/ccxt/profiles.py` calls a refusal. Timeouts, lost connections, 5xx, web
pages, errors that nobody has heard of, answers about another order and figures that cannot be are
**unknown**: the order is looked for, and never sent again. Only reads and cancels are tried again. `429` and
`418` stop all requests to that venue for as long as it asks.

## The exam

Conformance cards (`tests/cards/deck.py`), run on every adapter by every test run. *passes*: run, and agreed;
otherwise what the venue, or the bench that it is examined at, does not have. One more adapter is one more
column: see [adding an exchange](adding-an-exchange.md).
"""

_UNIQUE = {FOREVER: "for ever", WHILE_OPEN: "while the first is open", NEVER: "never"}


def document(results: Mapping[str, Sequence[Result]]) -> str:
    """The page, given what came of each card by venue."""
    lines = [_HEAD + _table(["", *_PROFILES], _promises()), _MEANING]
    for group in GROUPS:
        lines.append(f"\n### {group}\n")
        rows = []
        for card in (card for card in DECK if card.group == group):
            came = [next(r for r in of if r.card is card) for of in results.values()]
            rows.append([card.id, card.title, *map(_said, came)])
        lines.append(_table(["card", "", *results], rows))
    return "\n".join(lines).rstrip() + "\n"


def presumed() -> dict[str, list[Result]]:
    """What the page says while every card that is run passes, which the test suite sees to."""
    presumed: dict[str, list[Result]] = {}
    with TemporaryDirectory() as folder:
        for name, open_bench in EXAMINED.items():
            with open_bench(Path(folder)) as bench:
                presumed[name] = [_presumed(card, missing(card, bench.can, bench.exchange)) for card in DECK]
    return presumed


def examined() -> dict[str, list[Result]]:
    """Every card, run."""
    results: dict[str, list[Result]] = {}
    with stamina.set_testing(True, attempts=3):
        for name, open_bench in EXAMINED.items():
            results[name] = []
            for card in DECK:
                with TemporaryDirectory() as folder, open_bench(Path(folder)) as bench:
                    results[name].append(run(card, bench))
    return results


def _presumed(card: Card, lacking: str) -> Result:
    return Result(card, "skip", lacking) if lacking else Result(card, "pass")


def _said(result: Result) -> str:
    return {"pass": "passes", "skip": result.why}.get(result.outcome, f"**FAILS**: {result.why}")


def _guarantees(profile: VenueProfile | None) -> Guarantees:
    return profile.guarantees if profile else PaperExchange(MemoryPaperStore()).guarantees


def _promises() -> list[list[str]]:
    rows: list[tuple[str, Callable[[VenueProfile | None], str]]] = [
        ("a late request is refused", lambda p: _yes(_guarantees(p).requests_expire)),
        ("a client id is refused again", lambda p: _UNIQUE[_guarantees(p).client_ids_unique]),
        ("not found is proof after", lambda p: f"{_guarantees(p).not_found_after.total_seconds():.0f} s"),
        ("an order is found by", _lookup),
        ("an account's trades are told", _history),
        ("order types", lambda p: ", ".join(_in_order(ORDER_TYPES, _guarantees(p).order_types))),
        ("times in force", lambda p: ", ".join(_in_order(TIMES_IN_FORCE, _guarantees(p).times_in_force))),
        ("OCO of its own", lambda p: _yes(_guarantees(p).has_oco)),
        ("pushes what happens to orders", lambda p: _yes(_guarantees(p).streams_orders)),
        ("a market buy's fee", lambda p: "in base" if p and p.buys_pay_fee_in_base else "out of the budget"),
        ("trades on", lambda p: "candles" if _guarantees(p).is_candle_driven else "its own market"),
        ("errors with a verdict", lambda p: str(len(p.verdicts)) if p else "all"),
    ]
    return [[name, *(tell(profile) for profile in _PROFILES.values())] for name, tell in rows]


def _lookup(profile: VenueProfile | None) -> str:
    if profile is None or profile.lookup in (BY_ID, BY_STATUS):
        return "one request"
    return "lists, filtered" if profile.list_param else "lists, the newest hundred"


def _history(profile: VenueProfile | None) -> str:
    if profile is None:
        return "all"
    return "the newest only" if profile.trades_paging == ONE_PAGE else "all, page by page"


def _in_order(known: Iterable[str], taken: frozenset[str]) -> list[str]:
    return [one.replace("_", "-") for one in known if one in taken]


def _yes(promised: bool) -> str:
    return "yes" if promised else "no"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    results = examined()
    DOCUMENT.write_text(document(results))
    counts = {
        name: [sum(r.outcome == outcome for r in of) for outcome in ("pass", "skip", "FAIL")]
        for name, of in results.items()
    }
    for name, (passed, skipped, failed) in counts.items():
        print(f"{name}: {passed} pass, {skipped} skipped, {failed} fail")
    print(f"written: {DOCUMENT.relative_to(Path.cwd()) if DOCUMENT.is_relative_to(Path.cwd()) else DOCUMENT}")
    sys.exit(any(failed for _, _, failed in counts.values()))


if __name__ == "__main__":
    main()
