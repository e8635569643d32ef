"""Owners, accounts, books and bots, set up through the same commands as in production."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from adapters.exchanges.paper.venue import PaperExchange
from adapters.persistence.writer import GroupCommitWriter
from application.accounts.commands import RegisterAccount
from application.bots.manage_bots import CreateBot, StartBot
from application.live.approval import ApproveLiveTrading, RequestLiveTrading
from application.live.modes import ChangeBotMode, RecordPreflight
from application.live.venue_bots import CreateVenueBot
from application.paper.accounts import OpenPaperBook, PaperAccountService
from application.ports.commands import Caller, Command, Result, fingerprint
from application.ports.paper_accounts import PaperTerms
from application.ports.step_up import StepUpProof, mode_act
from application.ports.vault import PLATFORM
from application.streams import book_stream
from application.venue_accounts.commands import (
    ConnectVenueAccount,
    OpenLiveBook,
    OpenPooledAccount,
    TakeVenueKey,
)
from application.work import Work
from domain.bots.events import BotTerms, PreflightCheck
from domain.bots.modes import LIVE, PASS, TESTNET
from domain.money import Money
from domain.venue_accounts.rights import KeyRights
from tests.simulation.process import CANDLE_MS, PAPER_SOURCE, SOURCE
from tests.simulation.scheduler import Life
from tests.simulation.store import ENVELOPES, Connection, SharedLog
from tests.simulation.venue import SYMBOLS, VENUE

if TYPE_CHECKING:
    from tests.simulation.sim import Sim

RIGHTS = KeyRights(may_read=True, may_trade=True, may_take_out=False, is_ip_restricted=True)
OPERATOR = "operator"
CASH = Decimal(100_000)


@dataclass(frozen=True, slots=True)
class Credit:
    """An operator credits what an owner brought in."""

    book_id: str
    amount: Money

    def decide(self, work: Work) -> Result:
        credited = work.book(self.book_id).credit_deposit(
            self.amount, entry_id=f"deposit:{self.amount.asset}", at=work.now
        )
        work.record(book_stream(self.book_id), credited)
        return {}


@dataclass(eq=False)
class World:
    """Who and what there is."""

    sim: Sim
    bots: dict[str, str] = field(default_factory=dict)  # bot -> owner
    books: dict[str, str] = field(default_factory=dict)  # bot -> book
    owners: list[str] = field(default_factory=list)

    def build(self) -> None:
        sim = self.sim
        life = Life("setup")
        connection = Connection(sim.store, life, sim.scheduler, sim.faults)
        self._bus = GroupCommitWriter(connection, ENVELOPES, sim.scheduler)
        self._log = SharedLog(connection)
        for number in range(-6, 0):
            for symbol in SYMBOLS:
                sim.venue.move(symbol, sim.venue.prices[symbol] * sim.rng.randint(990, 1010) / 1000)
                sim.close_candle(symbol, sim_begin_ms() + (number - 1) * CANDLE_MS)
        self._do(RegisterAccount(OPERATOR, ("trader", "admin"), "commitment"))
        self._pooled(sim.rng.randint(1, 4))
        for number in range(sim.rng.randint(0, 2)):
            self._connected(f"connected-{number}")
        if sim.rng.random() < 0.7:
            self._paper("paper-owner")

    # -- accounts ------------------------------------------------------------------------------------------

    def _pooled(self, owners: int) -> None:
        account = str(self._do(OpenPooledAccount(VENUE, "main", OPERATOR))["venue_account_id"])
        self._take_key(account, PLATFORM, ())
        balances = {"USDT": CASH * owners, "BNB": Decimal(50 * owners)}
        self._open_at_venue(account, balances)
        for number in range(owners):
            owner = self._owner(f"pooled-{number}")
            book_id = str(self._do(OpenLiveBook(owner, account))["book_id"])
            self._do(Credit(book_id, Money(CASH, "USDT")))
            self._do(Credit(book_id, Money(Decimal(50), "BNB")))
            self._venue_bot(owner, account, book_id, LIVE)

    def _connected(self, name: str) -> None:
        owner = self._owner(name)
        account = str(self._do(ConnectVenueAccount(owner, VENUE, "own"))["venue_account_id"])
        balances = {"USDT": CASH, "BNB": Decimal(50)}
        self._open_at_venue(account, balances)
        book_id = str(
            self._take_key(account, owner, [Money(amount, asset) for asset, amount in balances.items()])
        )
        for _ in range(self.sim.rng.randint(1, 2)):
            self._venue_bot(owner, account, book_id, self.sim.rng.choice([LIVE, TESTNET]))

    def _open_at_venue(self, account: str, balances: dict[str, Decimal]) -> None:
        sim = self.sim
        third = (
            sim.faults.is_on("fee_in_third_asset")
            and sim.rng.random() < sim.faults.dials["fee_in_third_asset"]
        )
        fee_asset = "BNB" if third else "received"
        sim.venue.open(account, fee_asset, balances)
        sim.accounts.append(account)

    def _take_key(self, account: str, owner: str, balances: object) -> object:
        command = TakeVenueKey(
            venue_account_id=account,
            owner_id=owner,
            key_id=f"key-{account}",
            fingerprint=fingerprint(account),
            rights=RIGHTS,
            venue_uid=f"uid-{account}",
            balances=tuple(balances),  # type: ignore[arg-type]
            replacing=False,
            by=owner,
        )
        return self._do(command)["book_id"]

    def _paper(self, name: str) -> None:
        owner = self._owner(name)
        paper = PaperExchange(self.sim.paper_store)
        self._do(OpenPaperBook("paper-book", owner, (Money(CASH, "USDT"),), PaperTerms()))
        PaperAccountService(self._bus, self._log, paper).make_venue_follow("paper-book")
        for _ in range(self.sim.rng.randint(1, 2)):
            bot_id = self._bot_id()
            terms = self._terms(bot_id, PAPER_SOURCE)
            self._do(CreateBot(bot_id, owner, "paper-book", book_is_new=False, terms=terms))
            self._begin(bot_id, owner, "paper-book")

    # -- bots ----------------------------------------------------------------------------------------------

    def _venue_bot(self, owner: str, account: str, book_id: str, mode: str) -> None:
        bot_id = self._bot_id()
        self._do(
            CreateVenueBot(
                bot_id=bot_id,
                owner_id=owner,
                venue_account_id=account,
                terms=self._terms(bot_id, SOURCE),
                asked_from="here",
            )
        )
        preflight = f"preflight-{bot_id}"
        check = PreflightCheck(name="all", verdict=PASS, message="as simulated", figures={})
        self._do(
            RecordPreflight(
                bot_id=bot_id,
                owner_id=owner,
                preflight_id=preflight,
                for_mode=mode,
                checks=(check,),
                by=owner,
            )
        )
        proof = StepUpProof(
            step_up_id=f"step-up-{bot_id}",
            session_sha256="",
            account_id=owner,
            act_sha256=mode_act(bot_id, mode, preflight, "simulated"),
            address="",
            proved_at_utc=self.sim.scheduler.now(),
        )
        self._do(
            ChangeBotMode(
                bot_id=bot_id,
                owner_id=owner,
                to_mode=mode,
                reason="simulated",
                by=owner,
                asked_from="here",
                preflight_id=preflight,
                step_up=proof,
            )
        )
        self._begin(bot_id, owner, book_id)

    def _begin(self, bot_id: str, owner: str, book_id: str) -> None:
        candles = self.sim.candles[SYMBOLS[0]]
        self._do(StartBot(bot_id, owner, after_candle_ms=candles[-1].open_time_ms))
        self.bots[bot_id], self.books[bot_id] = owner, book_id

    def _terms(self, bot_id: str, source: str) -> BotTerms:
        rng = self.sim.rng
        slow = rng.randint(2, 3)
        return BotTerms(
            name=bot_id,
            strategy="ema_crossover",
            parameters={"fast": "1", "slow": str(slow), "warm_up": str(slow)},
            venue="paper",
            symbol=rng.choice(SYMBOLS),
            interval="1m",
            source=source,
            allocation=Money(CASH / 5, "USDT"),
            stop_loss_bps=rng.choice([None, 100, 300]),
            trailing_stop_bps=rng.choice([None, None, 150]),
        )

    def _bot_id(self) -> str:
        return f"bot-{len(self.bots) + 1}"

    def _owner(self, name: str) -> str:
        self._do(RegisterAccount(name, ("trader",), "commitment"))
        self._do(RequestLiveTrading(name, "simulated"))
        self._do(ApproveLiveTrading(name, "simulated", OPERATOR))
        self.owners.append(name)
        return name

    def _do(self, command: Command) -> Result:
        number = self.sim.next_id()
        caller = Caller(actor=OPERATOR, command_id=f"setup-{number}", correlation_id=f"setup-{number}")
        return self._bus.execute(command, caller).unwrap()


def sim_begin_ms() -> int:
    from tests.simulation.sim import EPOCH_MS

    return EPOCH_MS
