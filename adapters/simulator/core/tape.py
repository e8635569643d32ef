"""What was traded: the public trades of one symbol, and its candles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.money import ZERO

INTERVALS_MS = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
KEPT_TRADES = 5_000
KEPT_CANDLES = 3_000
_MINUTES_A_DAY = 1_440


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One match. Those of one taker at one price share an aggregate id."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    at_ms: int
    buyer_is_maker: bool
    aggregate_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kline:
    """One candle, closed or not. Prices in quote per base, volume in base."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    taker_buy_volume: Decimal = ZERO
    taker_buy_quote_volume: Decimal = ZERO
    trades: int = 0
    first_trade_id: int = -1
    last_trade_id: int = -1

    def with_trade(self, trade: Trade) -> Kline:
        notional = trade.price * trade.quantity
        taker_bought = not trade.buyer_is_maker
        return replace(
            self,
            high=max(self.high, trade.price),
            low=min(self.low, trade.price),
            close=trade.price,
            volume=self.volume + trade.quantity,
            quote_volume=self.quote_volume + notional,
            taker_buy_volume=self.taker_buy_volume + (trade.quantity if taker_bought else ZERO),
            taker_buy_quote_volume=self.taker_buy_quote_volume + (notional if taker_bought else ZERO),
            trades=self.trades + 1,
            first_trade_id=self.first_trade_id if self.trades else trade.trade_id,
            last_trade_id=trade.trade_id,
        )

    def joined(self, later: Kline) -> Kline:
        """This candle and a later, shorter one in its interval."""
        return replace(
            self,
            high=max(self.high, later.high),
            low=min(self.low, later.low),
            close=later.close,
            volume=self.volume + later.volume,
            quote_volume=self.quote_volume + later.quote_volume,
            taker_buy_volume=self.taker_buy_volume + later.taker_buy_volume,
            taker_buy_quote_volume=self.taker_buy_quote_volume + later.taker_buy_quote_volume,
            trades=self.trades + later.trades,
            last_trade_id=later.last_trade_id,
        )


def flat(open_time_ms: int, price: Decimal) -> Kline:
    """A candle in which nothing was traded."""
    return Kline(open_time_ms=open_time_ms, open=price, high=price, low=price, close=price)


@dataclass(slots=True)
class Tape:
    """The newest trades and candles of one symbol; without gaps, whatever was not traded is flat."""

    symbol: str
    last_price: Decimal = ZERO
    last_trade_id: int = 0
    last_aggregate_id: int = 0
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=KEPT_TRADES))
    _klines: dict[str, deque[Kline]] = field(
        default_factory=lambda: {interval: deque(maxlen=KEPT_CANDLES) for interval in INTERVALS_MS}
    )

    def record(self, trade: Trade) -> None:
        self.trades.append(trade)
        self.last_price = trade.price
        for interval, length_ms in INTERVALS_MS.items():
            opened = trade.at_ms - trade.at_ms % length_ms
            klines = self._klines[interval]
            self._fill(klines, opened, length_ms)
            if klines and klines[-1].open_time_ms >= opened:
                klines[-1] = klines[-1].with_trade(trade)
            else:
                klines.append(flat(opened, trade.price).with_trade(trade))

    def load(self, minutes: Iterable[Kline]) -> None:
        """Closed one-minute candles of before, oldest first; longer ones are made of them."""
        for minute in minutes:
            self.last_price = minute.close
            for interval, length_ms in INTERVALS_MS.items():
                if length_ms < INTERVALS_MS["1m"]:
                    continue
                opened = minute.open_time_ms - minute.open_time_ms % length_ms
                klines = self._klines[interval]
                self._fill(klines, opened, length_ms)
                if klines and klines[-1].open_time_ms >= opened:
                    klines[-1] = klines[-1].joined(minute)
                else:
                    klines.append(replace(minute, open_time_ms=opened))

    def klines(self, interval: str, now_ms: int) -> list[Kline]:
        """Oldest first, up to the one that now is in, which is not closed."""
        length_ms = INTERVALS_MS[interval]
        klines = self._klines[interval].copy()
        self._fill(klines, now_ms - now_ms % length_ms + length_ms, length_ms)
        return list(klines)

    def latest(self, interval: str, now_ms: int) -> Kline | None:
        """The candle that now is in; None before anything was traded."""
        klines = self._klines[interval]
        if not klines:
            return None
        opened = now_ms - now_ms % INTERVALS_MS[interval]
        newest = klines[-1]
        return newest if newest.open_time_ms >= opened else flat(opened, newest.close)

    def day(self, now_ms: int) -> Kline:
        """The last 24 hours as one candle."""
        minutes = self.klines("1m", now_ms)[-_MINUTES_A_DAY:]
        if not minutes:
            return flat(now_ms, self.last_price)
        whole, *later = minutes
        for minute in later:
            whole = whole.joined(minute)
        return whole

    @staticmethod
    def _fill(klines: deque[Kline], opened: int, length_ms: int) -> None:
        """Flat candles up to, and without, the one that opens then."""
        if not klines:
            return
        after = max(klines[-1].open_time_ms + length_ms, opened - KEPT_CANDLES * length_ms)
        for missing_ms in range(after, opened, length_ms):
            klines.append(flat(missing_ms, klines[-1].close))
