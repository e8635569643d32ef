"""Clients and operators: they lead bots, move money, engage kill switches, freeze, and ask twice."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from application.accounts.commands import FreezeAccount, UnfreezeAccount
from application.bots.manage_bots import (
    AllocateToBot,
    DeallocateFromBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from application.orders.review_order import ReviewOrder
from application.platform.kill_switch import EngageKillSwitch, ReleaseKillSwitch
from application.ports.commands import Caller, Command, LeaseLost, fingerprint
from application.ports.event_log import StoreUnavailable
from application.reconciliation.cases import AcceptCase
from domain.kill_switch.switches import CLOSE_ALL, STOP
from domain.money import Money
from domain.orders.order import Order
from domain.reconciliation.cases import Cases
from tests.simulation.venue import VENUE

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.sim import Sim

OPERATOR = "operator"
WANTED = ("stop", "start", "pause", "resume", "allocate", "deallocate", "rare", "rare", "rare")


@dataclass(eq=False)
class People:
    """Everybody outside. A request goes to any process that is there, and again until it is answered."""

    sim: Sim

    def begin(self) -> None:
        self._act()
        self._look_into_it()

    def heal(self) -> None:
        """Operators undo what would keep bots from trading."""
        for owner in self.sim.world.owners:
            self.ask(UnfreezeAccount(owner, "all is well", OPERATOR))
        self.ask(ReleaseKillSwitch("all is well", OPERATOR))
        self.ask(ReleaseKillSwitch("all is well", OPERATOR, VENUE))

    # -- what they want ------------------------------------------------------------------------------------

    def _act(self) -> None:
        rng = self.sim.rng
        if not self.sim.faults.are_healed:
            self._want(rng.choice(WANTED))
        self.sim.scheduler.after(rng.randint(10_000, 50_000), None, "", self._act)

    def _want(self, what: str) -> None:
        sim, rng = self.sim, self.sim.rng
        bot_id = rng.choice(list(sim.world.bots))
        owner, last = sim.world.bots[bot_id], sim.candles["BTC/USDT"][-1].open_time_ms
        amount = Money(Decimal(rng.randint(1, 3000)), rng.choice(["USDT", "USDT", "BNB"]))
        id = sim.next_id()
        match what:
            case "stop":
                self.ask(StopBot(bot_id, owner, "a client wants it"))
                sim.scheduler.after(
                    rng.randint(1_000, 60_000),
                    None,
                    "",
                    lambda: self.ask(StartBot(bot_id, owner, after_candle_ms=self._newest())),
                )
            case "start":
                self.ask(StartBot(bot_id, owner, after_candle_ms=last))
            case "pause":
                self.ask(PauseBot(bot_id, owner, "a client wants it"))
            case "resume":
                self.ask(ResumeBot(bot_id, owner, after_candle_ms=last))
            case "allocate":
                self.ask(AllocateToBot(bot_id, owner, amount, id))
            case "deallocate":
                self.ask(DeallocateFromBot(bot_id, owner, amount, id))
            case _:
                self._rare(owner)

    def _rare(self, owner: str) -> None:
        """Operators at work; what they stop goes on some time later."""
        rng, later_ms = self.sim.rng, self.sim.rng.randint(5_000, 60_000)
        if rng.random() < 0.5:
            self.ask(FreezeAccount(owner, "an operator wants it", OPERATOR))
            after: Command = UnfreezeAccount(owner, "looked at", OPERATOR)
        else:
            venue = rng.choice(["", VENUE])
            mode = rng.choice([STOP, STOP, CLOSE_ALL])
            id = f"switch-{self.sim.next_id()}"
            self.ask(EngageKillSwitch("an operator wants it", OPERATOR, venue, mode, id))
            after = ReleaseKillSwitch("looked at", OPERATOR, venue)
        self.sim.scheduler.after(later_ms, None, "", lambda: self.ask(after))

    def _newest(self) -> int:
        return self.sim.candles["BTC/USDT"][-1].open_time_ms

    def _look_into_it(self) -> None:
        """An operator looks at what differs, and at what asks for it; what others did may stand."""
        for stream in sorted(self.sim.store.streams()):
            kind, _, name = stream.partition(":")
            if kind == "cases":
                cases: Cases = self.sim.store.state(stream)
                for case_id in list(cases.open):
                    self.ask(AcceptCase(name, case_id, "others trade there", OPERATOR))
            elif kind == "order":
                order: Order = self.sim.store.state(stream)
                if order.needs_review:
                    self.ask(ReviewOrder(name, "looked at", OPERATOR))
        self.sim.scheduler.after(self.sim.rng.randint(10_000, 20_000), None, "", self._look_into_it)

    # -- asking --------------------------------------------------------------------------------------------

    def ask(self, command: Command) -> None:
        """Until it is answered, under one id; sometimes twice from the start."""
        number = self.sim.next_id()
        self.sim.scheduler.note(f"asked for {command}")
        for _ in range(2 if self.sim.faults.strikes("asked_twice") else 1):
            self._send(command, f"ask-{number}", 1)

    def _send(self, command: Command, command_id: str, attempt: int) -> None:
        key = ("client", command_id)

        def once_more() -> None:
            if key not in self.sim.oracles.acked:
                self._send(command, command_id, attempt + 1)

        there = [process for process in self.sim.processes if not process.life.is_over]
        self.sim.scheduler.after(2_000 * attempt, None, "", once_more)
        if not there:
            return
        process = self.sim.rng.choice(there)
        late_ms = self.sim.rng.randint(1, 500)
        act = lambda: self._arrive(process, command, command_id)  # noqa: E731
        self.sim.scheduler.after(late_ms, process.life, "", act)

    def _arrive(self, process: Process, command: Command, command_id: str) -> None:
        caller = Caller(
            actor=OPERATOR,
            command_id=command_id,
            correlation_id=command_id,
            scope="client",
            fingerprint=fingerprint(repr(command)),
        )
        try:
            outcome = process.bus.execute(command, caller)
        except (StoreUnavailable, LeaseLost):
            return  # no answer: it is asked again
        answer = repr(outcome.refusal.code if outcome.refusal is not None else dict(outcome.unwrap()))
        self.sim.oracles.acknowledged("client", command_id, answer)
