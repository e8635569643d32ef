"""A paper account is a book in the log and an account at the paper venue that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

import pytest

from adapters.exchanges.paper.memory_store import MemoryPaperStore
from adapters.exchanges.paper.venue import PaperExchange
from application.accounts.commands import FreezeAccount
from application.paper.accounts import (
    FundPaperBook,
    OpenPaperBook,
    PaperAccountService,
    ResetPaperBook,
)
from application.paper.terms import terms_from_text, terms_to_text
from application.ports.commands import Command
from application.ports.event_log import EventLog, RecordedEvent
from application.ports.paper_accounts import CLOSE, FEE_IN_RECEIVED, PaperTerms, VenueDeposit
from application.work import Versioned
from domain.ledger.book import PAPER
from domain.money import Money
from tests.application.harness import Store, with_account, with_paper_account
from tests.builders import btc, caller, usdt

SET = PaperTerms(
    fill_convention=CLOSE, fee_asset=FEE_IN_RECEIVED, volume_cap=Decimal("0.1"), seed=7, latency_ms=5
)


def opening(*balances: Money, terms: PaperTerms = SET, book_id: str = "book-1") -> OpenPaperBook:
    return OpenPaperBook(book_id, "acc-1", balances, terms)


class Away(Exception):
    """The process dies here."""


class DyingVenue(PaperExchange):
    """A paper venue whose client dies at the nth request."""

    def __init__(self, store: MemoryPaperStore, nth: int) -> None:
        super().__init__(store)
        self.left = nth

    def _count(self) -> None:
        self.left -= 1
        if not self.left:
            raise Away

    def open_account(self, venue_account: str, terms: PaperTerms) -> None:
        self._count()
        super().open_account(venue_account, terms)

    def deposit(self, deposits: Sequence[VenueDeposit]) -> None:
        self._count()
        super().deposit(deposits)


def service(store: Store, venue: PaperExchange) -> PaperAccountService:
    return PaperAccountService(store.bus, store.log, venue)


@dataclass(frozen=True)
class Reading:
    """A log that notes which streams are read, from which version, and how many events that gave."""

    log: EventLog
    read: list[tuple[str, int, int]]

    def load(self, stream: str) -> Versioned:
        return self.log.load(stream)

    def newer(self, versions: Mapping[str, int]) -> Sequence[RecordedEvent]:
        events = self.log.newer(versions)
        for stream, version in versions.items():
            self.read.append((stream, version, sum(event.stream == stream for event in events)))
        return events


def free(venue: PaperExchange, account: str = "book-1") -> dict[str, Decimal]:
    return dict(venue.account(account).free)


def test_opening_books_every_balance_and_the_venue_has_the_same() -> None:
    store, venue = with_account(), PaperExchange(MemoryPaperStore())

    outcome = service(store, venue).open(opening(usdt("1000"), btc("0.5")), caller("k"))

    assert outcome.unwrap()["balances"] == ["1000 USDT", "0.5 BTC"]
    assert (store.owed("owner:available"), store.owed("owner:available", "BTC")) == ("1000 USDT", "0.5 BTC")
    assert free(venue) == {"USDT": Decimal(1000), "BTC": Decimal("0.5")}
    assert venue.account("book-1").terms == SET
    assert store.book().purse == PAPER


@pytest.mark.parametrize("nth", [1, 2])
def test_a_crash_between_log_and_venue_is_caught_up_by_the_next_use(nth: int) -> None:
    store, at_venue = with_account(), MemoryPaperStore()
    with pytest.raises(Away):
        service(store, DyingVenue(at_venue, nth)).open(opening(usdt("1000"), btc("0.5")), caller("k"))
    venue = PaperExchange(at_venue)

    again = service(store, venue).open(opening(usdt("1000"), btc("0.5")), caller("k"))

    assert again.replayed
    assert free(venue) == {"USDT": Decimal(1000), "BTC": Decimal("0.5")}
    assert store.owed("owner:available") == "1000 USDT"


def test_following_again_and_again_deposits_once() -> None:
    store, venue = with_account(), PaperExchange(MemoryPaperStore())
    paper = service(store, venue)
    paper.open(opening(usdt("1000")), caller("k"))
    paper.fund(FundPaperBook("book-1", "acc-1", usdt("50"), "d-1"), caller("f"))

    for _ in range(3):
        paper.make_venue_follow("book-1")
        paper.make_venue_follow("no such book")

    assert free(venue) == {"USDT": Decimal(1050)}


def test_a_followed_book_is_not_read_from_its_start_again() -> None:
    store, venue = with_account(), PaperExchange(MemoryPaperStore())
    read: list[tuple[str, int, int]] = []
    paper = PaperAccountService(store.bus, cast("EventLog", Reading(store.log, read)), venue)
    paper.open(opening(usdt("1000"), btc("0.5")), caller("k"))

    for n in range(3):
        paper.fund(FundPaperBook("book-1", "acc-1", usdt("50"), f"d-{n}"), caller(f"f-{n}")).unwrap()

    assert read == [("book:book-1", 0, 3), *(("book:book-1", 3 + n, 1) for n in range(3))]
    assert free(venue) == {"USDT": Decimal(1150), "BTC": Decimal("0.5")}


def test_what_another_process_left_half_done_is_made_up_for_by_the_next_deposit() -> None:
    store, at_venue = with_account(), MemoryPaperStore()
    here = service(store, PaperExchange(at_venue))
    here.open(opening(usdt("1000")), caller("k"))
    with pytest.raises(Away):  # elsewhere: at the account, then at all deposits, this one among them
        service(store, DyingVenue(at_venue, 2)).fund(
            FundPaperBook("book-1", "acc-1", usdt("50"), "d-1"), caller("f")
        )

    here.fund(FundPaperBook("book-1", "acc-1", usdt("7"), "d-2"), caller("g")).unwrap()

    assert free(PaperExchange(at_venue)) == {"USDT": Decimal(1057)}


def test_a_deposit_id_counts_once_whatever_the_command_id() -> None:
    store, venue = with_account(), PaperExchange(MemoryPaperStore())
    paper = service(store, venue)
    paper.open(opening(usdt("1000")), caller("k"))
    paper.fund(FundPaperBook("book-1", "acc-1", usdt("50"), "d-1"), caller("f")).unwrap()

    for deposit_id in ("d-1", "opening:USDT"):
        second = paper.fund(FundPaperBook("book-1", "acc-1", usdt("50"), deposit_id), caller(deposit_id))
        assert second.refusal is not None
        assert second.refusal.code == "fact_already_recorded"

    assert store.owed("owner:available") == "1050 USDT"
    assert free(venue) == {"USDT": Decimal(1050)}


def test_a_reset_opens_a_new_book_on_the_same_terms_and_leaves_the_old_one_readable() -> None:
    store, venue = with_account(), PaperExchange(MemoryPaperStore())
    paper = service(store, venue)
    paper.open(opening(usdt("1000")), caller("k"))

    outcome = paper.reset(ResetPaperBook("book-1", "book-2", "acc-1", (usdt("7"),)), caller("r")).unwrap()

    assert (outcome["paper_account_id"], outcome["previous_paper_account_id"]) == ("book-2", "book-1")
    old, new = store.book("book-1"), store.book("book-2")
    assert (old.is_open, str(old.owed("owner:available", "USDT"))) == (False, "1000 USDT")
    assert (new.is_open, str(new.owed("owner:available", "USDT"))) == (True, "7 USDT")
    assert new.venue_terms == old.venue_terms == terms_to_text(SET)
    assert venue.account("book-2").terms == SET
    assert free(venue, "book-2") == {"USDT": Decimal(7)}


FROZEN: Command = FreezeAccount("acc-1", "stolen phone", "op")
RESET: Command = ResetPaperBook("book-1", "book-2", "acc-1", ())
FUND = FundPaperBook("book-1", "acc-1", usdt("1"), "d-1")


@pytest.mark.parametrize(
    ("given", "command", "code"),
    [
        ((), replace(opening(), book_id="b", owner_id="acc-9"), "unknown_account"),
        ((FROZEN,), replace(opening(terms=replace(SET, seed=-1)), book_id="b"), "account_frozen"),
        ((), opening(terms=replace(SET, fill_convention="magic"), book_id="b"), "invalid_value"),
        ((), opening(terms=replace(SET, taker_fee_rate=Decimal(1)), book_id="b"), "invalid_value"),
        ((), opening(usdt("1"), usdt("2"), book_id="b"), "invalid_value"),
        ((), opening(usdt("-1"), book_id="b"), "invalid_value"),
        ((), opening(usdt("1e18"), book_id="b"), "invalid_value"),
        ((), replace(FUND, owner_id="acc-9"), "unknown_account"),
        ((FROZEN,), replace(FUND, book_id="b"), "account_frozen"),
        ((), replace(FUND, book_id="b"), "unknown_paper_account"),
        ((RESET,), FUND, "book_not_open"),
        ((), replace(FUND, amount=usdt("-1")), "invalid_value"),
        ((), replace(FUND, amount=Money(Decimal(1), "not an asset")), "invalid_value"),
        ((FROZEN,), ResetPaperBook("b", "book-2", "acc-1", ()), "account_frozen"),
        ((), ResetPaperBook("b", "book-2", "acc-1", ()), "unknown_paper_account"),
        ((RESET,), ResetPaperBook("book-1", "book-3", "acc-1", ()), "book_not_open"),
        ((), ResetPaperBook("book-1", "book-2", "acc-1", (usdt("0"),)), "invalid_value"),
    ],
)
def test_a_wrong_step_is_refused_before_anything_is_written(
    given: tuple[Command, ...], command: Command, code: str
) -> None:
    store = with_paper_account(usdt("1000"))
    for each in given:
        store.do(each)
    assert store.refused(command)[0] == code


def test_another_persons_paper_account_looks_as_if_there_were_none() -> None:
    store = with_account("acc-2", store=with_paper_account(usdt("1000")))
    for command in (replace(FUND, owner_id="acc-2"), ResetPaperBook("book-1", "book-2", "acc-2", ())):
        assert store.refused(command) == ("unknown_paper_account", {"paper_account_id": "book-1"})


def test_a_refused_command_does_not_reach_the_venue() -> None:
    store, at_venue = with_account(), MemoryPaperStore()
    outcome = service(store, DyingVenue(at_venue, 1)).open(opening(usdt("-1")), caller("k"))
    assert outcome.refusal is not None
    assert PaperExchange(at_venue).accounts() == []


@pytest.mark.parametrize(
    "terms", [PaperTerms(), SET, PaperTerms(maker_fee_rate=Decimal("-0.0001"), lot_size=Decimal("1E-5"))]
)
def test_terms_survive_the_log_as_text(terms: PaperTerms) -> None:
    stored: Any = terms_to_text(terms)
    assert all(isinstance(value, str) for value in stored.values())
    assert terms_from_text(stored) == terms
    assert terms_from_text({}) == PaperTerms()
