"""Liabilities published from real logs: whose money counts, when it is said again, and each owner's part."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.memory_seals import MemorySeals
from adapters.persistence.recorders.memory import MemoryRecorder
from adapters.persistence.seals import SqlSeals
from adapters.secrets.salts import FileSalts
from adapters.secrets.signing_key import FileSigner, create_key, verify
from application.liabilities.publications import (
    LiabilitiesNotPublished,
    NoLiability,
    ProofBeingMade,
    Publication,
    Publications,
    as_json,
)
from application.liabilities.publish import PublishLiabilities
from application.ports.salts import SaltsUnusable
from application.ports.seals import Seals
from application.sealing.errors import LogContradictsCheckpoint
from application.sealing.proofs import NotSealedYet
from application.sealing.seal_log import SealLog
from application.streams import book_stream
from domain.ledger.book import CONNECTED, LIVE
from domain.ledger.events import EntryPosted
from domain.liabilities.sum_tree import ImpossibleSum, parent, sum_tree
from domain.money import text
from domain.platform.events import LiabilitiesPublished
from domain.sealing.notes import MalformedNote, SignedNote
from tests.builders import Allocate, Decide, OpenBook, StopTrading, btc, caller, posted, usdt
from tests.log_stores import ENGINES, Engine, engine

ORIGIN = "evenkeel.example/log"


@dataclass
class Desk:
    """A log with its key and its secret, and how often it was asked."""

    log: Engine
    keys: Path
    commands: int = 0

    def __post_init__(self) -> None:
        self.store = self.log.open()
        recorder = self.store.recorder
        self.seals: Seals = (
            MemorySeals(recorder) if isinstance(recorder, MemoryRecorder) else SqlSeals(self.log.database)
        )
        create_key(self.keys / "log.key", ORIGIN)
        self.signer = FileSigner(self.keys / "log.key")
        self.salts = FileSalts(self.keys / "log.salts")
        self.salts.create()
        self.publications = Publications(self.store.log, self.seals, self.salts)

    def run(self, *commands: Any) -> None:
        for command in commands:
            self.commands += 1
            self.store.bus.execute(command, caller(f"c-{self.commands}")).unwrap()

    def post(self, book: str, *entries: EntryPosted) -> None:
        """Facts that no command of today makes."""

        def decide(work: Any) -> dict[str, Any]:
            work.record(book_stream(book), entries)
            return {}

        self.run(Decide(decide))

    def seal(self) -> None:
        SealLog(self.seals, self.signer, [], ORIGIN)()

    def publish(self) -> Publication:
        """Of what was sealed so far."""
        self.commands += 1
        asked = caller(f"c-{self.commands}", content=None)
        return PublishLiabilities(self.store.log, self.seals, self.store.bus, self.signer, self.publications)(
            asked
        )

    def published(self) -> int:
        events = self.store.log.stream("platform:main")
        return sum(isinstance(recorded.event, LiabilitiesPublished) for recorded in events)


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with engine(request.param, request, tmp_path) as log:
        yield Desk(log, tmp_path / "keys")


def live(book: str, owner: str, funds: Any) -> OpenBook:
    return OpenBook(book, funds, owner_id=owner, purse=LIVE)


def test_what_live_books_owe_is_published_under_a_signed_checkpoint(desk: Desk) -> None:
    desk.run(
        live("a", "acc-a", usdt("1000.50")), live("b", "acc-b", btc("2")), live("c", "acc-c", usdt("0.5"))
    )
    desk.run(Allocate("a", usdt("300"), "allocation"))
    desk.seal()
    size, root = desk.seals.size(), desk.seals.root(desk.seals.size())

    done = desk.publish()

    said = done.statement
    note = SignedNote.parse(done.note.encode())
    note.require_signature(desk.signer.key, verify)
    assert note.text == said.text
    assert (done.id, said.origin, said.log_size, said.log_root) == (size, ORIGIN, size, root)
    assert done.checkpoint == desk.seals.newest()
    assert (said.leaves, as_json(done)["owed"], as_json(done)["due"]) == (4, {"BTC": "2", "USDT": "1001"}, {})


def test_available_allocated_and_held_are_owed_and_what_is_due_stands_apart(desk: Desk) -> None:
    """Nothing that an owner owes us makes what we owe them, or others, smaller."""
    desk.run(live("a", "acc-a", usdt("100")), live("b", "acc-b", usdt("7")))
    desk.post(
        "a",
        posted("owner:available 60 USDT", "owner:bot:b-1 -60 USDT", entry_id="allocated"),
        posted("owner:bot:b-1 25 USDT", "owner:held:o-1 -25 USDT", entry_id="held"),
        posted("owner:due 3 USDT", "custody:paper -3 USDT", entry_id="late-fee"),
        posted("owner:held:o-1 5 USDT", "revenue:platform_fee -5 USDT", entry_id="fee"),
    )
    desk.seal()

    done = desk.publish()

    assert as_json(done)["owed"] == {"USDT": "102"}
    assert as_json(done)["due"] == {"USDT": "3"}
    assert desk.publications.proof(done, "acc-a").as_json()["balances"] == {"USDT": "95"}


def test_what_is_on_its_way_is_owed_to_its_sender_until_it_is_settled(desk: Desk) -> None:
    """It stands on no owner's account: left out, the platform would owe less with each transfer."""
    desk.run(live("a", "acc-a", usdt("100")), live("b", "acc-b", usdt("7")))
    desk.post("a", posted("owner:available 30 USDT", "in_transit:t-1 -30 USDT", entry_id="sent"))
    desk.seal()
    done = desk.publish()

    assert as_json(done)["owed"] == {"USDT": "107"}
    assert desk.publications.proof(done, "acc-a").as_json()["balances"] == {"USDT": "100"}

    arrived = posted(
        *("in_transit:t-1 30 USDT", "owner:available -30 USDT"),
        *("custody:paper 30 USDT", "in_transit:t-1 -30 USDT"),
        entry_id="received",
    )
    desk.post("b", arrived)
    desk.post("a", posted("in_transit:t-1 30 USDT", "custody:paper -30 USDT", entry_id="settled"))
    desk.post("a", posted("owner:available 5 USDT", "in_transit:by-hand -5 USDT", entry_id="moved-1"))
    desk.post("b", posted("in_transit:by-hand 5 USDT", "owner:available -5 USDT", entry_id="moved-2"))
    desk.seal()
    done = desk.publish()

    assert as_json(done)["owed"] == {"USDT": "107"}
    found = [desk.publications.proof(done, owner).as_json()["balances"] for owner in ("acc-a", "acc-b")]
    assert found == [{"USDT": "65"}, {"USDT": "42"}]


def test_paper_and_connected_money_is_nobodys_liability(desk: Desk) -> None:
    desk.run(OpenBook("p", usdt("500"), "acc-p"), OpenBook("k", usdt("70"), "acc-k", CONNECTED))
    desk.run(live("a", "acc-a", usdt("1")))
    desk.seal()

    done = desk.publish()

    assert (done.statement.leaves, as_json(done)["owed"]) == (1, {"USDT": "1"})
    for stranger in ("acc-p", "acc-k", "nobody"):
        with pytest.raises(NoLiability):
            desk.publications.proof(done, stranger)


def test_without_live_books_the_tree_is_empty_and_that_is_published(desk: Desk) -> None:
    desk.run(OpenBook("p", usdt("500")))
    desk.seal()

    done = desk.publish()

    assert (done.statement.leaves, done.statement.owed, done.statement.due) == (0, {}, {})
    assert done.statement.root == sum_tree({}, lambda _: b"").root.hash


def test_an_owner_of_several_books_has_one_leaf_and_one_at_zero_has_one_too(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")), live("a-2", "acc-a", usdt("6")), live("b", "acc-b", usdt("1")))
    desk.post("b", posted("owner:available 1 USDT", "custody:paper -1 USDT", entry_id="withdrawn"))
    desk.seal()

    done = desk.publish()

    assert done.statement.leaves == 2
    proofs = {owner: desk.publications.proof(done, owner).as_json() for owner in ("acc-a", "acc-b")}
    assert {owner: proof["balances"] for owner, proof in proofs.items()} == {
        "acc-a": {"USDT": "11"},
        "acc-b": {},
    }


def test_only_what_is_under_the_checkpoint_counts(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")))
    desk.seal()
    desk.run(live("b", "acc-b", usdt("100")))

    done = desk.publish()
    desk.seal()
    later = desk.publish()

    assert (as_json(done)["owed"], as_json(later)["owed"]) == ({"USDT": "5"}, {"USDT": "105"})
    assert desk.publications.newest() == later
    assert desk.publications.find(str(done.id)) == done


def test_publishing_again_without_news_is_answered_with_what_was_published(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")))
    desk.seal()
    first = desk.publish()

    assert desk.publish() == first
    desk.seal()  # the publication itself came under a checkpoint: that is no news
    assert desk.publish() == first
    assert desk.published() == 1

    desk.run(StopTrading())
    desk.seal()
    assert desk.publish().id > first.id
    assert desk.published() == 2


def test_each_owners_leaf_leads_to_the_published_root(desk: Desk) -> None:
    for number in range(5):
        desk.run(live(f"b-{number}", f"acc-{number}", usdt(f"{number + 1}.25")))
    desk.seal()
    done = desk.publish()

    for number in range(5):
        proof = desk.publications.proof(done, f"acc-{number}")
        node = proof.leaf
        for level, sibling in enumerate(proof.path):
            node = parent(sibling, node) if proof.index >> level & 1 else parent(node, sibling)
        assert (node.hash, text(node.sums["USDT"])) == (done.statement.root, "16.25")


def test_names_and_salts_are_not_in_the_log_and_no_salt_is_used_twice(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")), live("b", "acc-b", usdt("5")))
    desk.seal()
    first = desk.publish()
    desk.run(StopTrading())
    desk.seal()
    second = desk.publish()

    proofs = [
        desk.publications.proof(done, owner) for done in (first, second) for owner in ("acc-a", "acc-b")
    ]
    assert len({proof.salt for proof in proofs}) == len({proof.leaf.hash for proof in proofs}) == 4
    for done in (first, second):
        assert "acc-" not in done.note
        assert not any(proof.salt.hex() in done.note for proof in proofs)


def test_before_anything_was_sealed_or_published_it_is_said(desk: Desk) -> None:
    with pytest.raises(NotSealedYet):
        desk.publish()
    for id in ("", "5"):
        with pytest.raises(LiabilitiesNotPublished):
            desk.publications.find(id)


def test_while_the_tree_is_built_for_one_the_others_are_told_to_come_back(desk: Desk) -> None:
    """They would fill the threads that all reading shares."""
    desk.run(live("a", "acc-a", usdt("5")))
    desk.seal()
    done = desk.publish()
    in_it, go_on = threading.Event(), threading.Event()

    class Slow:
        def salt(self, context: str) -> bytes:
            in_it.set()
            assert go_on.wait(10)
            return desk.salts.salt(context)

    shared = Publications(desk.store.log, desk.seals, Slow(), patience_s=0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shared.proof, done, "acc-a")
        assert in_it.wait(10)
        with pytest.raises(ProofBeingMade):
            shared.proof(done, "acc-a")
        go_on.set()
        assert first.result(10) == shared.proof(done, "acc-a")


def test_what_could_not_be_read_again_is_not_published(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")))
    desk.post("a", posted("owner:due 3 us.dt", "custody:paper -3 us.dt", entry_id="odd"))
    desk.seal()

    with pytest.raises(MalformedNote):
        desk.publish()
    assert desk.published() == 0


def test_a_secret_that_was_exchanged_makes_no_proofs_of_before(desk: Desk) -> None:
    """Better none than one that leads to another root."""
    desk.run(live("a", "acc-a", usdt("5")))
    desk.seal()
    done = desk.publish()
    other, missing = FileSalts(desk.keys / "other.salts"), FileSalts(desk.keys / "none.salts")
    other.create()

    for salts in (other, missing):
        with pytest.raises(SaltsUnusable):
            Publications(desk.store.log, desk.seals, salts).proof(done, "acc-a")


@pytest.mark.parametrize("desk", ["memory"], indirect=True)  # databases take no such row in the first place
@pytest.mark.parametrize("account", ["owner:available", "owner:held:o-1"])
def test_an_owner_who_stands_in_debit_stops_the_publication(desk: Desk, account: str) -> None:
    desk.run(live("a", "acc-a", usdt("5")), live("b", "acc-b", usdt("50")))
    desk.post("a", posted(f"{account} 6 USDT", "custody:paper -6 USDT", entry_id="impossible"))
    desk.seal()

    with pytest.raises(ImpossibleSum, match="acc-a would be owed -1 USDT"):
        desk.publish()
    assert desk.published() == 0


def test_something_owed_on_the_account_of_what_is_due_stops_it_too(desk: Desk) -> None:
    desk.run(live("a", "acc-a", usdt("5")))
    desk.post("a", posted("owner:due -6 USDT", "custody:paper 6 USDT", entry_id="impossible"))
    desk.seal()

    with pytest.raises(ImpossibleSum, match="owner:due"):
        desk.publish()


def test_under_a_checkpoint_that_is_not_of_this_log_nothing_is_published(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with engine("sqlite", request, tmp_path) as log:
        desk = Desk(log, tmp_path / "keys")
        desk.run(live("a", "acc-a", usdt("5")))
        desk.seal()
        log.tamper("UPDATE seal_tiles SET hashes = :hashes", hashes=bytes(64))
        with pytest.raises(LogContradictsCheckpoint):
            desk.publish()
