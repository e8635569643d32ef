"""Keys on their way in and out: what the venue says first, then the vault, then the log."""

from __future__ import annotations

import logging
import traceback
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.persistence.envelopes import MemoryEnvelopes
from adapters.secrets.vault import EnvelopeVault, MasterKeyFile
from application.ledger.post_batch import NewEntry, NewLeg, PostBatch
from application.ports.commands import CommandIdReused, Outcome, Result
from application.ports.key_inspector import VenueKeyRejected, VenueNotReachable, VenueNotSupported
from application.ports.vault import PLATFORM, Credentials
from application.streams import venue_account_stream
from application.venue_accounts.commands import (
    CloseVenueAccount,
    ConnectVenueAccount,
    OpenLiveBook,
    OpenPooledAccount,
    RevokeVenueKey,
    connected_account_id,
    live_book_id,
)
from application.venue_accounts.keys import StoredVenueKeys, VenueKeyService
from application.work import Work
from domain.errors import DomainError, InvalidValue
from domain.venue_accounts.errors import (
    NoVenueKey,
    UnknownVenueAccount,
    VenueAccountIsClosed,
    VenueKeyInUse,
    VenueKeyMayWithdraw,
    VenueKeyRightsUnknown,
)
from domain.venue_accounts.venue_account import VenueAccount
from tests.application.harness import Store, with_account
from tests.builders import Decide, caller, usdt
from tests.venue_fakes import GOOD_RIGHTS, KEY, FakeInspector, another

ANN = connected_account_id("acc-1", "binance", "main")


@dataclass
class House:
    """A person with a connected account, the vault and a venue."""

    store: Store
    rows: MemoryEnvelopes
    vault: EnvelopeVault
    inspector: FakeInspector
    service: VenueKeyService
    keys: StoredVenueKeys
    asked: int = 0

    def take(
        self,
        key: Credentials = KEY,
        *,
        account: str = ANN,
        owner: str = "acc-1",
        replacing: bool = False,
        command_id: str = "",
    ) -> Outcome:
        self.asked += 1
        who = caller(command_id or f"key-{self.asked}", content=key.api_key)
        return self.service.take(account, owner, key, who, replacing=replacing)

    def account(self, account_id: str = ANN) -> VenueAccount:
        account: VenueAccount = self.store.load(venue_account_stream(account_id)).state
        return account

    def refused(self, error: type[DomainError], key: Credentials = KEY, **given: Any) -> None:
        before, stored = self.store.log.head(), self.rows.count()
        with pytest.raises(error):
            self.take(key, **given)
        assert (self.store.log.head(), self.rows.count()) == (before, stored)


@pytest.fixture
def house(tmp_path: Path) -> House:
    store = with_account()
    store.do(ConnectVenueAccount("acc-1", "binance", "main"))
    rows, inspector = MemoryEnvelopes(), FakeInspector()
    vault = EnvelopeVault(rows, MasterKeyFile(tmp_path / "test.vault"), store.clock)
    service = VenueKeyService(store.log, store.bus, store.clock, vault, inspector)
    return House(store, rows, vault, inspector, service, StoredVenueKeys(store.log, vault))


def test_an_imported_key_is_what_is_signed_with(house: House) -> None:
    answer = house.take().unwrap()
    found = house.keys.credentials(ANN)
    assert (found.api_key, found.secret, found.password) == (KEY.api_key, KEY.secret, KEY.password)
    assert found.key_id == house.account().require_key().key_id == answer["key"]["key_id"]
    assert answer["key"]["rights"] == ["read", "trade"]


def test_the_first_key_opens_the_book_with_what_the_venue_has(house: House) -> None:
    house.inspector.balances = {"USDT": Decimal("1000.5"), "BTC": Decimal("0.25"), "ETH": Decimal(0)}
    answer = house.take().unwrap()
    book = house.store.book(answer["book_id"])
    assert answer["opening"] == ["0.25 BTC", "1000.5 USDT"]
    assert (book.purse, book.venue_account, book.owner_id) == ("CONNECTED", ANN, "acc-1")
    shown = {f"{account} {asset}": str(amount) for (account, asset), amount in book.balances.items()}
    assert shown == {
        f"custody:{ANN} BTC": "0.25",
        "owner:available BTC": "-0.25",
        f"custody:{ANN} USDT": "1000.5",
        "owner:available USDT": "-1000.5",
    }


def test_a_later_key_opens_nothing_again(house: House) -> None:
    house.inspector.balances = {"USDT": Decimal(10)}
    book_id = house.take().unwrap()["book_id"]
    house.inspector.balances = {"USDT": Decimal(99)}
    assert house.take(another(2), replacing=True).unwrap()["opening"] == []
    assert house.store.owed("owner:available", book_id=book_id) == "10 USDT"


def test_a_book_that_statements_were_imported_into_keeps_what_it_has(house: House) -> None:
    book_id = house.account().book_id

    def deposit(work: Work) -> Result:
        events = work.book(book_id).credit_deposit(usdt("7"), entry_id="d", at=work.now)
        work.record(f"book:{book_id}", events)
        return {}

    house.store.do(Decide(deposit))
    house.inspector.balances = {"USDT": Decimal(10)}
    assert house.take().unwrap()["opening"] == []
    assert house.store.owed("owner:available", book_id=book_id) == "7 USDT"


@pytest.mark.parametrize(
    ("rights", "refusal"),
    [
        (replace(GOOD_RIGHTS, may_take_out=True), VenueKeyMayWithdraw),
        (replace(GOOD_RIGHTS, may_take_out=None), VenueKeyRightsUnknown),
        (replace(GOOD_RIGHTS, may_trade=None), VenueKeyRightsUnknown),
    ],
)
def test_a_key_that_may_withdraw_or_might_is_never_stored(
    house: House, rights: object, refusal: type[DomainError]
) -> None:
    """Safety §1, users' exchange keys: checked at import, nothing of it is kept."""
    house.inspector.rights = rights  # type: ignore[assignment]
    house.refused(refusal)


def test_what_the_venue_does_not_know_or_cannot_be_asked_is_never_stored(house: House) -> None:
    house.refused(VenueKeyRejected, Credentials("wrong-one", "x"))
    house.inspector.reachable = False
    house.refused(VenueNotReachable)
    house.inspector.venues = ()
    house.refused(VenueNotSupported)


def test_somebody_elses_account_takes_no_key_and_the_venue_is_not_asked(house: House) -> None:
    """Safety §2.37."""
    house.refused(UnknownVenueAccount, owner="acc-2")
    house.refused(UnknownVenueAccount, account="nope")
    house.refused(UnknownVenueAccount, owner=PLATFORM)
    assert house.inspector.asked == []


@pytest.mark.parametrize("key", [Credentials("", "x"), Credentials("x", " "), Credentials("x " * 9, "y"),
                                 Credentials("x", "y" * 5_000), Credentials("x", "y", " z")])  # fmt: skip
def test_what_is_no_key_is_refused_without_showing_it(house: House, key: Credentials) -> None:
    with pytest.raises(InvalidValue) as refused:
        house.take(key)
    assert refused.value.field in ("api_key", "secret", "password")
    assert "yyy" not in str(refused.value)
    assert house.inspector.asked == []


def test_a_key_is_in_use_once(house: House) -> None:
    house.take()
    house.store.do(ConnectVenueAccount("acc-1", "binance", "second"))
    house.refused(VenueKeyInUse, account=connected_account_id("acc-1", "binance", "second"))
    house.refused(VenueKeyInUse, replacing=True)


def test_a_revoked_key_is_gone_and_free_again(house: House) -> None:
    house.take()
    command = RevokeVenueKey(ANN, "acc-1", "laptop lost", by="acc-1")
    house.service.end(command, ANN, caller("revoke")).unwrap()
    assert house.rows.count() == 0
    with pytest.raises(NoVenueKey):
        house.keys.credentials(ANN)
    house.take().unwrap()
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_a_rotated_key_is_gone_at_once(house: House) -> None:
    house.take()
    house.take(another(2), replacing=True).unwrap()
    assert house.keys.credentials(ANN).api_key == "api-key-2"
    assert house.rows.count() == 1
    assert house.account().keys_taken == 2


def test_a_key_of_another_account_at_the_venue_leaves_the_old_one_in_use(house: House) -> None:
    house.take()
    house.inspector.venue_uid = "another"
    outcome = house.take(another(2), replacing=True)
    assert outcome.refusal is not None
    assert outcome.refusal.code == "venue_key_of_another_account"
    assert house.rows.count() == 1
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_revoking_first_is_no_way_to_a_key_of_another_account(house: House) -> None:
    house.take()
    house.service.end(RevokeVenueKey(ANN, "acc-1", "lost", by="acc-1"), ANN, caller("revoke")).unwrap()
    house.inspector.venue_uid = "another"
    outcome = house.take(another(2))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "venue_key_of_another_account"
    assert house.rows.count() == 0


def test_a_closed_account_has_no_key(house: House) -> None:
    house.take()
    house.service.end(CloseVenueAccount(ANN, "acc-1", "moved", by="acc-1"), ANN, caller("close")).unwrap()
    assert house.rows.count() == 0
    house.refused(VenueAccountIsClosed)


def test_the_same_request_again_is_answered_alike(house: House) -> None:
    """Safety §1: one key, one event, however often it is sent."""
    first = house.take(command_id="same")
    again = house.take(command_id="same")
    assert (again.replayed, again.unwrap()) == (True, first.unwrap())
    assert house.rows.count() == 1
    with pytest.raises(CommandIdReused):
        house.take(another(2), command_id="same")
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_a_replay_after_a_rotation_brings_the_old_key_not_back(house: House) -> None:
    house.take(command_id="first")
    house.take(another(2), replacing=True)
    assert house.take(command_id="first").replayed
    assert house.rows.count() == 1
    assert house.keys.credentials(ANN).api_key == "api-key-2"


def test_a_crash_between_vault_and_log_is_completed_by_the_same_request(house: House) -> None:
    """Safety #8: the row is there, the event is not."""
    broken = replace(house.service, bus=_Dead())
    with pytest.raises(RuntimeError):
        broken.take(ANN, "acc-1", KEY, caller("crashed", content="x"))
    assert (house.rows.count(), house.account().key) == (1, None)
    with pytest.raises(NoVenueKey):
        house.keys.credentials(ANN)
    house.service.take(ANN, "acc-1", KEY, caller("crashed", content="x")).unwrap()
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_what_a_crash_left_is_nobodys_after_a_while(house: House) -> None:
    broken = replace(house.service, bus=_Dead())
    with pytest.raises(RuntimeError):
        broken.take(ANN, "acc-1", KEY, caller("crashed", content="x"))
    house.refused(VenueKeyInUse)  # its request may still be under way
    house.store.clock.move_to(house.store.clock.now() + timedelta(minutes=11))
    house.take().unwrap()
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_a_refused_key_is_not_kept(house: House) -> None:
    house.take()
    outcome = house.take(another(2))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "venue_key_present"
    assert house.rows.count() == 1
    assert house.keys.credentials(ANN).api_key == KEY.api_key


def test_the_platforms_accounts_are_the_platforms(house: House) -> None:
    house.store.do(OpenPooledAccount("binance", "main", by="operator:cli"))
    pooled = "pooled.binance.main"
    house.refused(UnknownVenueAccount, account=pooled)
    house.inspector.balances = {"USDT": Decimal(10)}
    answer = house.take(account=pooled, owner=PLATFORM).unwrap()
    assert (answer["kind"], answer["opening"], answer["book_id"]) == ("pooled", [], "")
    assert house.keys.credentials(pooled).api_key == KEY.api_key


def test_an_owner_has_one_live_book_on_a_pooled_account(house: House) -> None:
    house.store.do(OpenPooledAccount("binance", "main", by="operator:cli"))
    first = house.store.do(OpenLiveBook("acc-1", "pooled.binance.main"))
    head = house.store.log.head()
    assert house.store.do(OpenLiveBook("acc-1", "pooled.binance.main")) == first
    assert house.store.log.head() == head
    book = house.store.book(live_book_id("acc-1", "pooled.binance.main"))
    assert (book.purse, book.venue_account, book.balances) == ("LIVE", "pooled.binance.main", {})
    assert house.store.refused(OpenLiveBook("acc-1", ANN))[0] == "unknown_venue_account"
    assert house.store.refused(OpenLiveBook("nobody", "pooled.binance.main"))[0] == "unknown_account"


def test_an_operator_credits_a_live_book_through_suspense(house: House) -> None:
    """Safety #45: never a customer's money from nowhere, and never by one entry."""
    house.store.do(OpenPooledAccount("binance", "main", by="operator:cli"))
    book_id = str(house.store.do(OpenLiveBook("acc-1", "pooled.binance.main"))["book_id"])
    legs = (("custody:pooled.binance.main", "suspense"), ("suspense", "owner:available"))
    entries = [
        NewEntry(
            book_id=book_id,
            reason="found at the venue",
            legs=[NewLeg(into, "USDT", Decimal(50)), NewLeg(out_of, "USDT", Decimal(-50))],
        )
        for into, out_of in legs
    ]
    house.store.do(PostBatch(batch_id="credit-1", entries=entries))
    assert house.store.owed("owner:available", book_id=book_id) == "50 USDT"
    assert house.store.owed("suspense", book_id=book_id) == "0 USDT"


def test_nothing_of_a_key_is_anywhere_but_in_its_envelope(
    house: House, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Safety §2.58, 67: logs, events, refusals, tracebacks, reprs, stored answers."""
    caplog.set_level(logging.DEBUG)
    seen = [repr(KEY), str(KEY), f"{KEY}", repr([KEY]), repr(house.service)]
    first = house.take(command_id="one")
    seen.append(repr(first))
    house.inspector.rights = replace(GOOD_RIGHTS, may_take_out=True)
    for given in ({}, {"replacing": True}, {"account": "nope"}):
        try:
            house.take(KEY, **given)
        except DomainError as error:
            seen += [repr(error), str(error), str(error.data), "".join(traceback.format_exception(error))]
    house.inspector.rights = GOOD_RIGHTS
    house.rows.rewrap(house.rows.not_wrapped_by("", limit=1)[0], master_id="x", wrapped_key="x")
    try:
        house.keys.credentials(ANN)
    except DomainError as error:
        seen += [repr(error), "".join(traceback.format_exception(error, chain=True))]
    seen += [repr(event) for event in house.store.events()]
    seen += [repr(house.rows.not_wrapped_by("", limit=9)), caplog.text, str(list(caplog.records))]
    seen += [(tmp_path / "test.vault").read_text(), repr(house.vault), repr(MasterKeyFile(tmp_path / "x"))]
    everything = "\n".join(seen)
    for part in (KEY.api_key, KEY.secret, KEY.password):
        assert part not in everything
    assert (tmp_path / "test.vault").read_text().strip().rsplit("+", 1)[1] not in "\n".join(seen[:-3])


class _Dead:
    def submit(self, *_: object) -> Future[Outcome]:
        raise RuntimeError("the process died")

    def execute(self, *_: object) -> Outcome:
        raise RuntimeError("the process died")
