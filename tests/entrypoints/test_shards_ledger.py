"""What operators do to the books, over two shards: each on the shard of its owner, or refused (adr 0025)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from application.ledger.expire_holds import ExpireHolds
from application.ledger.holds import PlaceHold, ReleaseHold, SettleHold
from application.ledger.import_report import Target
from application.ledger.import_statement import PostStatement
from application.ledger.post_batch import NewEntry, NewLeg, PostBatch
from application.ports.event_log import OneShardOnly, Position
from application.queries.totals import totals_of
from application.reconciliation.cases import AcceptCase, PostToSuspense
from application.rehearsal import rehearse
from application.streams import book_stream, cases_stream, hold_stream
from application.views.rows import CaseRow, HoldRow, ReconciliationRow
from domain.ledger.postings import AVAILABLE
from entrypoints.control import operator_desk
from entrypoints.operations import OPERATIONS
from tests.builders import caller, usdt
from tests.entrypoints.test_shards import ANN, BOB, House, house, people, url

__all__ = ["house", "people", "url"]


def gift(*owners: str) -> PostBatch:
    legs = [NewLeg("equity:adjustment", "USDT", Decimal(1)), NewLeg(AVAILABLE, "USDT", Decimal(-1))]
    return PostBatch(
        batch_id="b-1",
        entries=[NewEntry(book_id=f"book-{owner}", reason="a gift", legs=legs) for owner in owners],
    )


def test_a_batch_is_posted_on_the_shard_of_its_books(people: House) -> None:
    people.do(gift(BOB, BOB))
    assert people.available(BOB) == "1002 USDT"
    (_, second) = people.container.log().parts()
    assert second.claimed(["batch:b-1"]) == people.container.log().claimed(["batch:b-1"]) == {"batch:b-1"}


def test_a_batch_over_books_of_two_shards_is_refused_and_so_is_its_dry_run(people: House) -> None:
    services = people.container.services()
    with pytest.raises(OneShardOnly, match="send one for each"):
        people.do(gift(ANN, BOB))
    with pytest.raises(OneShardOnly, match="send one for each"):
        services.bus.submit(gift(ANN, BOB), caller("c-x")).result()
    with pytest.raises(OneShardOnly, match="send one for each"):
        rehearse(services.log, services.clock, gift(ANN, BOB))
    assert (people.available(ANN), people.available(BOB)) == ("1000 USDT", "1000 USDT")
    assert rehearse(services.log, services.clock, gift(BOB))["dry_run"]


def test_a_hold_lives_on_its_books_shard_and_ends_by_itself_there(people: House) -> None:
    services, book = people.container.services(), f"book-{BOB}"
    people.do(PlaceHold(hold_id="h-1", book_id=book, amount=usdt("10"), reason="a dispute"))
    people.do(SettleHold(hold_id="h-1", book_id=book, to="suspense", reason="lost", amount=usdt("4")))
    people.do(ReleaseHold(hold_id="h-1", book_id=book, reason="over"))
    assert people.available(BOB) == "996 USDT"
    soon = services.clock.now() + timedelta(milliseconds=50)
    people.do(PlaceHold(hold_id="h-2", book_id=book, amount=usdt("10"), reason="x", expires_at=soon))
    people.catch_up()
    (second,) = [row for row in services.views.where(HoldRow) if row.hold_id == "h-2"]
    assert (Position.of(second.position).shard, second.status) == (1, "open")
    look = ExpireHolds(services.views, services.bus, services.clock)
    while services.clock.now() <= soon:
        assert people.container.log().load(hold_stream("h-2")).state.status == "open"
    assert look() == 1
    assert people.available(BOB) == "996 USDT"
    assert people.container.log().parts()[1].load(hold_stream("h-2")).state.status == "expired"


def test_books_of_every_shard_are_reconciled_and_a_case_is_with_its_book(people: House) -> None:
    """The venue has no accounts of these books: their whole custody is missing there."""
    views, log = people.container.views(), people.container.log()
    found = OPERATIONS["ledger.reconcile"](operator_desk(people.container, "op-1"), {})
    people.catch_up()
    (run,) = views.where(ReconciliationRow)
    assert (run.run_id, run.accounts, Position.of(run.position).shard) == (found["run_id"], 2, 0)
    rows = open_cases(people)
    assert {(row.owner_id, Position.of(row.position).shard) for row in rows} == {(ANN, 0), (BOB, 1)}
    assert log.parts()[1].stream(cases_stream(f"book-{BOB}"))
    assert not log.parts()[0].stream(cases_stream(f"book-{BOB}"))

    for row in rows:
        if row.kind == "balance":
            people.do(PostToSuspense(row.venue_account, row.case_id, "not explained yet", by="op"))
        else:
            people.do(AcceptCase(row.venue_account, row.case_id, "known", by="op"))
    people.catch_up()
    assert open_cases(people) == []
    assert people.available(BOB) == "1000 USDT"


def open_cases(people: House) -> list[CaseRow]:
    return [row for row in people.container.views().where(CaseRow) if row.status == "open"]


def test_a_statement_goes_to_its_owners_shard_though_the_book_is_not_there_yet(people: House) -> None:
    statement = PostStatement(Target("connected-1", BOB, "kraken"), ())
    people.do(statement)
    assert people.container.log().parts()[1].stream(book_stream("connected-1"))


def test_totals_as_of_a_place_are_refused(people: House) -> None:
    people.catch_up()
    with pytest.raises(OneShardOnly, match="the trial balance is of all shards"):
        totals_of(people.container.log(), people.container.views())
