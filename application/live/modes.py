"""Switch a bot between observing and sending orders: the LIVE gate."""

from __future__ import annotations

from dataclasses import dataclass

from application.bots.manage_bots import described, owned_bot
from application.orders.trade_signal import require_trading
from application.ports.commands import Result
from application.ports.step_up import STEP_UP_VALID, StepUpProof, mode_act
from application.streams import bot_stream
from application.work import Work
from domain.accounts.errors import StepUpNeeded
from domain.bots.events import PreflightCheck
from domain.bots.modes import LIVE, OBSERVE


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPreflight:
    """Keep what a pre-flight found. Refusals, in order: unknown_bot, bot_mode_not_possible."""

    bot_id: str
    owner_id: str
    preflight_id: str
    for_mode: str
    checks: tuple[PreflightCheck, ...]
    by: str

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        events = bot.record_preflight(
            preflight_id=self.preflight_id,
            for_mode=self.for_mode,
            checks=self.checks,
            by=self.by,
            at=work.now,
        )
        work.record(bot_stream(self.bot_id), events)
        found = work.bot(self.bot_id).preflight
        return {
            "preflight_id": self.preflight_id,
            "bot_id": self.bot_id,
            "for_mode": self.for_mode,
            "verdict": found.verdict if found else "",
            "run_at": work.now.isoformat(),
            "checks": [
                {
                    "name": check.name,
                    "verdict": check.verdict,
                    "message": check.message,
                    "figures": dict(check.figures),
                }
                for check in self.checks
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBotMode:
    """Observe again at any time; send orders only after a pre-flight, and LIVE only through the whole gate.

    Refusals, in order: unknown_bot; bot_mode_not_possible, invalid_value, bot_wrong_state, preflight_needed,
    preflight_failed; of a mode that sends orders account_frozen, kill_switch_engaged, venue_account_closed,
    no_venue_key; of LIVE live_trading_not_approved, step_up_needed, fact_already_recorded (that step-up was
    used).
    """

    bot_id: str
    owner_id: str
    to_mode: str
    reason: str
    by: str
    asked_from: str
    preflight_id: str = ""
    step_up: StepUpProof | None = None

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        needs_step_up = self.to_mode == LIVE
        events = bot.change_mode(
            self.to_mode,
            reason=self.reason,
            by=self.by,
            asked_from=self.asked_from,
            preflight_id=self.preflight_id,
            step_up_id=self.step_up.step_up_id if self.step_up and needs_step_up else "",
            at=work.now,
        )
        if events and self.to_mode != OBSERVE:
            work.account(self.owner_id).require_active()
            require_trading(work, bot)
            account = work.venue_account(bot.venue_account)
            account.require_open()
            account.require_key()
        if events and needs_step_up:
            work.account(self.owner_id).require_live()
            work.claim(f"step-up:{self._proved(work).step_up_id}")
        work.record(bot_stream(self.bot_id), events)
        return described(work, self.bot_id)

    def _proved(self, work: Work) -> StepUpProof:
        """Whose password it was, how long ago, and for this very act; raises StepUpNeeded."""
        proof, act = self.step_up, mode_act(self.bot_id, self.to_mode, self.preflight_id, self.reason)
        if (
            proof is None
            or proof.account_id != self.owner_id
            or proof.act_sha256 != act
            or not proof.proved_at_utc <= work.now <= proof.proved_at_utc + STEP_UP_VALID
        ):
            raise StepUpNeeded
        return proof
