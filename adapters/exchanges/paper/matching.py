"""How a closed candle fills an order: prices, quantities, fees. Pure: no clock, no storage, no randomness.

Every figure is rounded once, by name: notional down and fee up to the scale of its asset, quantities down to
the lot, prices to the tick against the trader. docs/paper-venue.md has the formulas.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.exchanges.paper.terms import BPS
from application.ports.paper_accounts import CLOSE, FEE_IN_RECEIVED, PaperTerms
from application.ports.paper_store import CANCELED, FILLED, Balance, PaperOrder
from domain.market import Candle
from domain.money import (
    DEFAULT_SCALE,
    ZERO,
    Money,
    add,
    divide_down,
    floor_to_step,
    multiply_down,
    multiply_up,
    subtract,
)
from domain.orders.order import BUY, MARKET, Fill

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE = Decimal(1)
_DRAWS = Decimal(2**64)


@dataclass(frozen=True, slots=True)
class Offer:
    """At what price an order would match now, as which side, and when by the venue's clock."""

    price: Decimal
    is_maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Matched:
    """What a candle did to one order: its new state and, when it filled, what moved."""

    order: PaperOrder
    fill: Fill | None = None


def offer_of(order: PaperOrder, terms: PaperTerms, candle: Candle, length_ms: int) -> Offer | None:
    """What a candle of that length (ms) offers an order; None when they do not meet.

    A market order meets the open of the first candle that opens at or after it arrived (next_open) or the
    first close at or after it arrived (close). A limit order meets candles that open at or after it arrived:
    as taker at the open of the one it arrives in when that is beyond the limit, else as maker at the limit
    when the price trades through it; a touch is not enough.
    """
    opens_ms = candle.open_time_ms
    if order.last_candle_ms is not None and opens_ms <= order.last_candle_ms:
        return None
    arrives_ms = order.sent_at_ms + terms.latency_ms
    if order.terms.order_type == MARKET:
        by_close = terms.fill_convention == CLOSE
        at_ms = opens_ms + length_ms if by_close else opens_ms
        if at_ms < arrives_ms:
            return None
        return Offer(
            market_price(candle.close if by_close else candle.open, order.terms.side, terms), False, at_ms
        )
    if opens_ms < arrives_ms:
        return None
    if opens_ms < arrives_ms + length_ms and is_beyond(order, candle.open):
        return Offer(to_tick(candle.open, order.terms.side, terms), False, opens_ms)
    if order.terms.limit_price is not None and is_beyond(
        order, candle.low if order.terms.side == BUY else candle.high
    ):
        return Offer(order.terms.limit_price, True, opens_ms + length_ms)
    return None


def offer_on_arrival(order: PaperOrder, terms: PaperTerms, shown: Candle, length_ms: int) -> Offer | None:
    """Under the close convention: what the last candle shown offers an order that was sent at its close."""
    at_ms = shown.open_time_ms + length_ms
    if order.terms.order_type == MARKET:
        return Offer(market_price(shown.close, order.terms.side, terms), False, at_ms)
    if is_beyond(order, shown.close):
        return Offer(to_tick(shown.close, order.terms.side, terms), False, at_ms)
    return None


def is_beyond(order: PaperOrder, price: Decimal) -> bool:
    """Whether a price is better than the order's limit; equal is not beyond."""
    limit = order.terms.limit_price
    if limit is None:
        return False
    return price < limit if order.terms.side == BUY else price > limit


def market_price(price: Decimal, side: str, terms: PaperTerms) -> Decimal:
    """The price a market order gets: worsened by the slippage, then to the tick, both against the trader."""
    if terms.slippage_bps:
        if side == BUY:
            price = multiply_up(price, add(ONE, divide_down(terms.slippage_bps, BPS, 22)), DEFAULT_SCALE)
        else:
            price = multiply_down(
                price, subtract(ONE, divide_down(terms.slippage_bps, BPS, 22)), DEFAULT_SCALE
            )
    return to_tick(price, side, terms)


def to_tick(price: Decimal, side: str, terms: PaperTerms) -> Decimal:
    """Up to the next tick for a buyer, down to it for a seller."""
    if not terms.tick_size:
        return price
    floor = floor_to_step(price, terms.tick_size)
    return add(floor, terms.tick_size) if side == BUY and floor < price else floor


def is_drawn(terms: PaperTerms, client_order_id: str, open_time_ms: int) -> bool:
    """Whether an order may match on a candle at all: the same answer on every machine, run and retry."""
    if terms.fill_probability >= 1:
        return True
    seed = f"{terms.seed}|{client_order_id}|{open_time_ms}"
    draw = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    return divide_down(Decimal(draw), _DRAWS, 64) < terms.fill_probability


def trade_id(client_order_id: str, open_time_ms: int, number: int) -> str:
    """A fill's id, derived from what caused it: the same fill has the same id after any restart."""
    seed = f"{client_order_id}|{open_time_ms}|{number}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def lock_of_limit_buy(quantity: Decimal, limit: Decimal, terms: PaperTerms) -> Decimal:
    """Quote that a limit buy may cost at most: notional at the limit and the dearer fee rate, rounded up."""
    notional = multiply_up(quantity, limit, terms.quote_scale)
    return add(notional, multiply_up(notional, _dearest_rate(terms), terms.quote_scale))


def match(order: PaperOrder, offer: Offer, terms: PaperTerms, candle: Candle) -> Matched | None:
    """Fill what the offer, the volume cap and the order's lock allow; None when that is nothing.

    An order whose rest can never fill, because it buys no lot or is worth less than the smallest amount of
    quote, is canceled with the reason.
    """
    if offer.price <= 0:
        return None
    wanted = _wanted(order, offer, terms)
    if wanted <= 0:
        return _ended(order, f"the budget left buys nothing at {offer.price:f}")
    quantity = wanted
    if terms.volume_cap is not None:
        most = _to_lot(multiply_down(candle.volume, terms.volume_cap, terms.base_scale), terms)
        if most <= 0:
            return None
        quantity = min(wanted, most)
    notional = multiply_down(quantity, offer.price, terms.quote_scale)
    if not notional:
        if quantity < wanted:
            return None
        return _ended(order, f"worth less than the smallest amount of quote at {offer.price:f}")
    return _filled(order, offer, terms, candle, quantity, notional, is_last=quantity == wanted)


def moved(balances: dict[str, Balance], order: PaperOrder, matched: Matched) -> None:
    """Change the balances by what one match moved, and unlock what an ended order has left."""
    base, _, quote = order.terms.symbol.partition("/")
    bought = order.terms.side == BUY
    spent, received = (quote, base) if bought else (base, quote)
    given_up = subtract(order.locked, matched.order.locked)
    got, fill = ZERO, matched.fill
    if fill is not None:
        fee = fill.fee
        paid, got = (
            (fill.quote_amount, fill.base_quantity) if bought else (fill.base_quantity, fill.quote_amount)
        )
        if fee.asset == spent:
            paid = add(paid, fee.amount)
        else:
            got = subtract(got, fee.amount)
        of_fee = balances.get(fee.asset, Balance())
        balances[fee.asset] = replace(of_fee, fees=add(of_fee.fees, fee.amount))
        unlocked = subtract(given_up, paid)
        source, target = balances[spent], balances.get(received, Balance())
        balances[received] = replace(target, free=add(target.free, got))
        balances[spent] = replace(
            source, locked=subtract(source.locked, given_up), free=add(source.free, unlocked)
        )
        return
    source = balances[spent]
    balances[spent] = replace(
        source, locked=subtract(source.locked, given_up), free=add(source.free, given_up)
    )


def _filled(
    order: PaperOrder,
    offer: Offer,
    terms: PaperTerms,
    candle: Candle,
    quantity: Decimal,
    notional: Decimal,
    *,
    is_last: bool,
) -> Matched:
    base, _, quote = order.terms.symbol.partition("/")
    rate = terms.maker_fee_rate if offer.is_maker else terms.taker_fee_rate
    filled = add(order.filled_base, quantity)
    if order.terms.side == BUY:
        left = subtract(order.locked, notional)
        if terms.fee_asset == FEE_IN_RECEIVED:
            fee = Money(_charge(quantity, rate, terms.base_scale), base)
        else:
            most = subtract(left, _needed_for_rest(order, filled, terms))
            fee = Money(min(_charge(notional, rate, terms.quote_scale), most), quote)
            left = subtract(left, fee.amount)
    else:
        left = subtract(order.locked, quantity)
        fee = Money(_charge(notional, rate, terms.quote_scale), quote)
    number = len(order.fills) + 1
    fill = Fill(
        venue_trade_id=trade_id(order.client_order_id, candle.open_time_ms, number),
        base_quantity=quantity,
        price_quote_per_base=offer.price,
        quote_amount=notional,
        fee=fee,
        traded_at_utc=EPOCH + timedelta(milliseconds=offer.at_ms),
    )
    after = replace(
        order,
        status=FILLED if is_last else order.status,
        filled_base=filled,
        locked=ZERO if is_last else left,
        last_candle_ms=candle.open_time_ms,
        fills=(*order.fills, fill),
    )
    return Matched(after, fill)


def _wanted(order: PaperOrder, offer: Offer, terms: PaperTerms) -> Decimal:
    """What is left to fill; for a market buy, what its lock buys at this price with the fee included."""
    if order.terms.base_quantity is not None:
        return subtract(order.terms.base_quantity, order.filled_base)
    budget = multiply_down(order.locked, ONE, terms.quote_scale)
    unit = offer.price
    if terms.fee_asset != FEE_IN_RECEIVED and terms.taker_fee_rate > 0:  # a rebate is not lent in advance
        unit = multiply_up(unit, add(ONE, terms.taker_fee_rate), 2 * DEFAULT_SCALE)
    return _to_lot(divide_down(budget, unit, terms.base_scale), terms)


def _needed_for_rest(order: PaperOrder, filled: Decimal, terms: PaperTerms) -> Decimal:
    """What a limit buy's lock must keep for its rest, so that fees rounded up per fill never eat it."""
    if order.terms.limit_price is None or order.terms.base_quantity is None:
        return ZERO
    return lock_of_limit_buy(subtract(order.terms.base_quantity, filled), order.terms.limit_price, terms)


def _charge(amount: Decimal, rate: Decimal, scale: int) -> Decimal:
    """The fee on an amount, rounded against the trader: a charge up, a rebate down."""
    return multiply_up(amount, rate, scale) if rate > 0 else multiply_down(amount, rate, scale)


def _dearest_rate(terms: PaperTerms) -> Decimal:
    if terms.fee_asset == FEE_IN_RECEIVED:
        return ZERO
    return max(terms.maker_fee_rate, terms.taker_fee_rate, ZERO)


def _to_lot(quantity: Decimal, terms: PaperTerms) -> Decimal:
    return floor_to_step(quantity, terms.lot_size) if terms.lot_size else quantity


def _ended(order: PaperOrder, reason: str) -> Matched:
    return Matched(replace(order, status=CANCELED, reason=reason, locked=ZERO))
