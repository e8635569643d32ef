"""Whether a strategy has proved itself on paper: stated criteria, and the figures of its paper twin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from application.ports.read_models import ReadModels
from application.views.positions import after_fill, no_position
from application.views.rows import BotRow, FillRow
from domain.bots.bot import Bot
from domain.bots.modes import PAPER
from domain.money import ZERO, add, divide_down, multiply_down, subtract, text
from domain.orders.order import SELL

_DAY_S = 86_400
_RATIO_SCALE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a paper run must show before real money follows it."""

    least_days: int = 14  # from its first fill to its last
    least_trades: int = 20  # sales: each closes what was bought before
    most_drawdown_bps: int = 1_500  # of what it was given and made, from peak to trough of realised profit
    least_profit_factor: Decimal = Decimal("1.2")  # what winning trades made, over what losing ones lost


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRecord:
    """What a paper bot came to, by its fills alone. Drawdown is of realised profit, in basis points."""

    bot_id: str
    source: str
    days: Decimal
    trades: int
    gained: Decimal
    lost: Decimal
    drawdown_bps: Decimal

    @property
    def profit(self) -> Decimal:
        return subtract(self.gained, self.lost)

    @property
    def profit_factor(self) -> Decimal | None:
        """None where nothing was lost."""
        return divide_down(self.gained, self.lost, _RATIO_SCALE) if self.lost else None

    def falls_short(self, criteria: Criteria) -> list[str]:
        """In words, which criteria it does not meet; none is GO."""
        short = []
        if self.days < criteria.least_days:
            short.append(f"{text(self.days)} days of {criteria.least_days}")
        if self.trades < criteria.least_trades:
            short.append(f"{self.trades} trades of {criteria.least_trades}")
        if self.drawdown_bps > criteria.most_drawdown_bps:
            most = criteria.most_drawdown_bps
            short.append(f"a drawdown of {text(self.drawdown_bps)} bps, at most {most} is allowed")
        factor = self.profit_factor
        if factor is not None and factor < criteria.least_profit_factor:
            short.append(f"a profit factor of {text(factor)}, {text(criteria.least_profit_factor)} is asked")
        if criteria.least_profit_factor and self.profit <= ZERO:
            short.append("no profit")
        return short

    @property
    def figures(self) -> Mapping[str, str]:
        factor = self.profit_factor
        return {
            "paper_bot": self.bot_id,
            "source": self.source,
            "days": text(self.days),
            "trades": str(self.trades),
            "profit": text(self.profit),
            "profit_factor": "no losses" if factor is None else text(factor),
            "drawdown_bps": text(self.drawdown_bps),
        }


def paper_record(views: ReadModels, bot: Bot) -> PaperRecord | None:
    """Of the bot's paper twin: its owner's paper bot with the same strategy, parameters, pair and interval.

    Of several, the one with the most trades. None where there is none.
    """
    if bot.terms is None:
        return None
    parameters = json.dumps(dict(bot.terms.parameters), sort_keys=True)
    twins = views.where(
        BotRow,
        owner_id=bot.owner_id,
        mode=PAPER,
        strategy=bot.terms.strategy,
        symbol=bot.terms.symbol,
        interval=bot.terms.interval,
    )
    records = [_record(views, twin) for twin in twins if twin.parameters == parameters]
    return max(records, key=lambda record: record.trades, default=None)


def _record(views: ReadModels, twin: BotRow) -> PaperRecord:
    fills = sorted(views.where(FillRow, bot_id=twin.bot_id), key=lambda fill: fill.position)
    gained = lost = ZERO
    trades = _closed(fills)
    for made in trades:
        if made > ZERO:
            gained = add(gained, made)
        else:
            lost = subtract(lost, made)
    return PaperRecord(
        bot_id=twin.bot_id,
        source=twin.source,
        days=_days(fills),
        trades=len(trades),
        gained=gained,
        lost=lost,
        drawdown_bps=_drawdown_bps(twin.allocation_amount, trades),
    )


def _closed(fills: Sequence[FillRow]) -> list[Decimal]:
    """What each sale realised, its fills together, oldest first."""
    position, by_order = None, dict[str, Decimal]()
    for fill in fills:
        before = position or no_position(fill)
        position = after_fill(before, fill)
        if fill.side == SELL:
            made = subtract(position.realised_quote, before.realised_quote)
            by_order[fill.client_order_id] = add(by_order.get(fill.client_order_id, ZERO), made)
    return list(by_order.values())


def _days(fills: Sequence[FillRow]) -> Decimal:
    if not fills:
        return ZERO
    times = [fill.traded_at_utc for fill in fills]
    seconds = int((max(times) - min(times)).total_seconds())
    return divide_down(Decimal(seconds), Decimal(_DAY_S), 2)


def _drawdown_bps(given: Decimal, trades: Sequence[Decimal]) -> Decimal:
    """The deepest fall of what it was given and made; all of it where it was given nothing."""
    equity = peak = given
    deepest = ZERO
    for made in trades:
        equity = add(equity, made)
        peak = max(peak, equity)
        fall = subtract(peak, equity)
        if fall > ZERO:
            share = (
                divide_down(multiply_down(fall, Decimal(10_000), 18), peak, 2)
                if peak > ZERO
                else Decimal(10_000)
            )
            deepest = max(deepest, share)
    return deepest
