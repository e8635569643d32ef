"""Everything that is checked before a bot may send orders, each check with its figures and its own words."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal

from application.live.modes import RecordPreflight
from application.live.validation import Criteria, paper_record
from application.ports.clock import Clock
from application.ports.commands import Caller, CommandBus, Outcome, derived_id
from application.ports.event_log import EventLog
from application.ports.exchange import VenueOutcomeUnknown, VenueRefused
from application.ports.read_models import ReadModels
from application.ports.venue_facts import VenueAddress, VenueFacts
from application.reconciliation.our_books import DUST
from application.streams import bot_stream, venue_account_stream
from application.views.rows import BalanceRow, CaseRow
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms, PreflightCheck
from domain.bots.modes import FAIL, LIVE, PASS, WARN
from domain.errors import DomainError
from domain.ledger.postings import custody_account
from domain.money import ZERO, add, multiply_down, subtract, text
from domain.reconciliation.statement import account_name
from domain.venue_accounts.venue_account import CONNECTED, VenueAccount

_CLOCK_WARN_MS, _CLOCK_FAIL_MS = 250, 1_000
_BUDGET_WARN, _BUDGET_FAIL = Decimal("0.5"), Decimal("0.1")
_USD_SCALE = 2
SYNTHETIC = "synthetic"

SecretProblems = Callable[[], Sequence[str]]
"""In words, each default, weak or open secret of this installation; none is well."""

DailyLossLimit = Callable[[Bot], int | None]
"""The daily-loss limit that its account or the platform sets, in basis points of equity; None: nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightTerms:
    """What this installation asks for."""

    least_balance_usd: Decimal = Decimal(100)
    criteria: Criteria = field(default_factory=Criteria)
    test_venues: Container[str] = frozenset()  # simulators and test networks: no money there is real
    live_sources: AbstractSet[str] = frozenset()  # candles that come as they happen


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the checks of one pre-flight are about."""

    bot: Bot
    terms: BotTerms
    account: VenueAccount
    at: VenueAddress


@dataclass(frozen=True, slots=True)
class Preflight:
    """Checks one bot for one mode. Reads only; a fact that cannot be had is a FAIL that says so."""

    log: EventLog
    views: ReadModels
    facts: VenueFacts
    terms: PreflightTerms
    secret_problems: SecretProblems
    daily_loss_limit: DailyLossLimit

    def __call__(self, bot_id: str, owner_id: str, for_mode: str) -> tuple[PreflightCheck, ...]:
        """Errors: UnknownBot, foreign ones included."""
        bot: Bot = self.log.load(bot_stream(bot_id)).state
        if bot.terms is None or bot.owner_id != owner_id:
            raise UnknownBot(bot_id=bot_id)
        account: VenueAccount = self.log.load(venue_account_stream(bot.venue_account)).state
        asked = _Asked(bot, bot.terms, account, VenueAddress(account.venue, bot.venue_account))
        checks: list[tuple[str, Callable[[_Asked], PreflightCheck]]] = [
            ("key", self._key),
            ("symbol", self._symbol),
            ("filters", self._filters),
            ("rate_budget", self._rate_budget),
            ("clock", self._clock),
            ("reconciliation", self._reconciliation),
            ("stop_loss", self._stop_loss),
            ("daily_loss_limit", self._daily_loss_limit),
            ("venue", self._venue if for_mode == LIVE else self._test_venue),
        ]
        if for_mode == LIVE:
            checks += [
                ("balance", self._balance),
                ("secrets", self._secrets),
                ("paper_validation", self._paper_validation),
            ]
        return tuple(_answered(name, check, asked) for name, check in checks)

    # -- the key and the money -----------------------------------------------------------------------------

    def _key(self, asked: _Asked) -> PreflightCheck:
        asked.account.require_open()
        key = asked.account.require_key()
        rights = self.facts.rights(asked.at)
        rights.require_acceptable()
        figures = {"key_id": key.key_id, "rights": ",".join(rights.names)}
        if not rights.may_trade:
            return _check("key", FAIL, "the key may not trade; allow it at the venue, or rotate it", figures)
        if rights.is_ip_restricted is not True:
            words = "the key works from any address; limit it to this installation's at the venue"
            return _check("key", WARN, words, figures)
        return _check("key", PASS, "the key may read and trade, and cannot withdraw", figures)

    def _balance(self, asked: _Asked) -> PreflightCheck:
        worth, unpriced = ZERO, []
        for asset, amount in sorted(self.facts.balances(asked.at).items()):
            price = self.facts.usd_price(asked.at.venue, asset)
            if price is None:
                unpriced.append(asset)
            else:
                worth = add(worth, multiply_down(amount, price, _USD_SCALE))
        least = self.terms.least_balance_usd
        figures = {"worth_usd": text(worth), "least_usd": text(least), "not_priced": ",".join(unpriced)}
        if worth < least:
            words = f"the account is worth {text(worth)} USD, at least {text(least)} is asked for"
            return _check("balance", FAIL, words, figures)
        return _check("balance", PASS, f"the account is worth {text(worth)} USD", figures)

    # -- the market ----------------------------------------------------------------------------------------

    def _symbol(self, asked: _Asked) -> PreflightCheck:
        symbol = asked.terms.symbol
        try:
            self.facts.market(asked.at, symbol)
        except VenueRefused as refusal:
            words = f"{symbol} cannot be traded at {asked.at.venue} now: {refusal}"
            return _check("symbol", FAIL, words, {"symbol": symbol})
        return _check("symbol", PASS, f"{symbol} can be traded", {"symbol": symbol})

    def _filters(self, asked: _Asked) -> PreflightCheck:
        market = self.facts.market(asked.at, asked.terms.symbol)
        figures = {
            "tick_size": text(market.tick_size),
            "lot_size": text(market.lot_size),
            "min_notional": text(market.min_notional),
        }
        unknown = [name for name in ("tick_size", "lot_size") if figures[name] == "0"]
        if unknown:
            words = (
                f"the venue does not tell {' and '.join(unknown)}; its orders would be refused by surprise"
            )
            return _check("filters", FAIL, words, figures)
        if market.min_notional == ZERO:
            return _check("filters", WARN, "the venue tells no least notional", figures)
        return _check("filters", PASS, "tick, lot and least notional are known", figures)

    # -- the connection ------------------------------------------------------------------------------------

    def _rate_budget(self, asked: _Asked) -> PreflightCheck:
        left = self.facts.rate_budget_left(asked.at.venue)
        if left is None:
            return _check("rate_budget", FAIL, "nobody knows how much of the venue's rate limit is free", {})
        figures = {"left": text(left)}
        if left < _BUDGET_FAIL:
            words = f"{_percent(left)} of the venue's rate limit are free; wait, or run fewer bots on it"
            return _check("rate_budget", FAIL, words, figures)
        if left < _BUDGET_WARN:
            return _check("rate_budget", WARN, f"only {_percent(left)} of the rate limit are free", figures)
        return _check("rate_budget", PASS, f"{_percent(left)} of the rate limit are free", figures)

    def _clock(self, asked: _Asked) -> PreflightCheck:
        offset = self.facts.clock_offset_ms(asked.at.venue)
        if offset is None:
            return _check("clock", FAIL, "the venue's clock was not measured", {})
        figures, size = {"offset_ms": text(offset)}, abs(offset)
        words = f"the venue's clock and ours are {text(size)} ms apart"
        if size > _CLOCK_FAIL_MS:
            return _check("clock", FAIL, f"{words}; set this machine's clock (NTP)", figures)
        return _check("clock", WARN if size > _CLOCK_WARN_MS else PASS, words, figures)

    # -- the books -----------------------------------------------------------------------------------------

    def _reconciliation(self, asked: _Asked) -> PreflightCheck:
        name = asked.at.venue_account_id
        if asked.account.kind == CONNECTED:
            name = account_name(name, asked.bot.book_id, "CONNECTED")
        cases = self.views.where(CaseRow, venue_account=name, status="open")
        if cases:
            words = f"{len(cases)} differences between our books and the venue are open; resolve them first"
            return _check("reconciliation", FAIL, words, {"open_cases": str(len(cases))})
        differences = self._differences(asked)
        if differences:
            told = ", ".join(f"{asset} by {amount}" for asset, amount in differences.items())
            words = f"the venue has another balance than our books: {told}; reconcile first"
            return _check("reconciliation", FAIL, words, differences)
        return _check("reconciliation", PASS, "our books and the venue's balances agree", {"open_cases": "0"})

    def _differences(self, asked: _Asked) -> dict[str, str]:
        """What the venue has beyond our books, by asset."""
        account = custody_account(asked.at.venue_account_id)
        ours: dict[str, Decimal] = {}
        for row in self.views.where(BalanceRow, account=account):
            ours[row.asset] = add(ours.get(row.asset, ZERO), row.amount)
        theirs = self.facts.balances(asked.at)
        found = {}
        for asset in sorted(ours.keys() | theirs.keys()):
            beyond = subtract(theirs.get(asset, ZERO), ours.get(asset, ZERO))
            if abs(beyond) > DUST:
                found[asset] = text(beyond)
        return found

    # -- limits --------------------------------------------------------------------------------------------

    def _stop_loss(self, asked: _Asked) -> PreflightCheck:
        stop = asked.terms.stop_loss_bps
        if stop is None:
            return _check("stop_loss", FAIL, "the bot has no stop-loss; create it with one", {})
        return _check("stop_loss", PASS, f"stops {stop} bps below its cost", {"stop_loss_bps": str(stop)})

    def _daily_loss_limit(self, asked: _Asked) -> PreflightCheck:
        limit = self.daily_loss_limit(asked.bot)
        if limit is None:
            words = "no daily-loss limit is set for the account or the platform; set max_daily_loss_bps"
            return _check("daily_loss_limit", FAIL, words, {})
        figures = {"max_daily_loss_bps": str(limit)}
        return _check("daily_loss_limit", PASS, f"at most {limit} bps of equity are lost a day", figures)

    # -- the installation ----------------------------------------------------------------------------------

    def _venue(self, asked: _Asked) -> PreflightCheck:
        venue = asked.at.venue
        if venue in self.terms.test_venues:
            return _check("venue", WARN, f"{venue} is a test venue: no money there is real", {"venue": venue})
        return _check("venue", PASS, f"{venue} is a real venue: its money is real", {"venue": venue})

    def _test_venue(self, asked: _Asked) -> PreflightCheck:
        venue = asked.at.venue
        if venue not in self.terms.test_venues:
            words = f"{venue} is a real venue; TESTNET is for accounts at a test network or simulator"
            return _check("venue", FAIL, words, {"venue": venue})
        return _check("venue", PASS, f"{venue} is a test venue", {"venue": venue})

    def _secrets(self, _asked: _Asked) -> PreflightCheck:
        problems = self.secret_problems()
        if problems:
            return _check("secrets", FAIL, "; ".join(problems), {"problems": str(len(problems))})
        return _check("secrets", PASS, "no secret of this installation is a default, weak or open", {})

    def _paper_validation(self, asked: _Asked) -> PreflightCheck:
        criteria = self.terms.criteria
        asks = {
            "asked_days": str(criteria.least_days),
            "asked_trades": str(criteria.least_trades),
            "asked_profit_factor": text(criteria.least_profit_factor),
            "asked_drawdown_bps": str(criteria.most_drawdown_bps),
        }
        record = paper_record(self.views, asked.bot)
        if record is None:
            words = "NO-GO: no paper bot of yours has this strategy, these parameters, this pair and interval"
            return _check("paper_validation", FAIL, words, asks)
        figures = {**asks, **record.figures}
        short = record.falls_short(criteria)
        if short:
            words = f"NO-GO: paper bot {record.bot_id} shows {', '.join(short)}"
            return _check("paper_validation", FAIL, words, figures)
        if record.source == SYNTHETIC and asked.at.venue not in self.terms.test_venues:
            words = "NO-GO: its paper run was on generated candles, which prove nothing of a real market"
            return _check("paper_validation", FAIL, words, figures)
        if record.source not in self.terms.live_sources:
            words = "GO, but its paper run was on candles of the past, not as they happened"
            return _check("paper_validation", WARN, words, figures)
        return _check("paper_validation", PASS, "GO: its paper run meets every criterion", figures)


@dataclass(frozen=True, slots=True)
class PreflightService:
    """Runs a pre-flight and keeps what it found in the bot's own history."""

    bus: CommandBus
    clock: Clock
    preflight: Preflight

    def __call__(self, bot_id: str, owner_id: str, for_mode: str, caller: Caller) -> Outcome:
        """Errors: UnknownBot; as RecordPreflight."""
        command = RecordPreflight(
            bot_id=bot_id,
            owner_id=owner_id,
            preflight_id=derived_id("preflight", caller.scope, caller.command_id),
            for_mode=for_mode,
            checks=self.preflight(bot_id, owner_id, for_mode),
            by=caller.actor,
        )
        return self.bus.execute(command, caller)


def _answered(name: str, check: Callable[[_Asked], PreflightCheck], asked: _Asked) -> PreflightCheck:
    """A fact that is refused or not to be had fails the check that needs it, and no other."""
    try:
        return check(asked)
    except (DomainError, VenueRefused, VenueOutcomeUnknown) as problem:
        return _check(name, FAIL, str(problem) or "the venue could not be asked", {})


def _check(name: str, verdict: str, message: str, figures: Mapping[str, str]) -> PreflightCheck:
    return PreflightCheck(name=name, verdict=verdict, message=message, figures=figures)


def _percent(share: Decimal) -> str:
    return f"{text(multiply_down(share, Decimal(100), 0))} %"
