"""The cards, by group. A number is never used again for something else."""

from __future__ import annotations

from domain.orders.order import FOK, IOC, POST_ONLY, STOP, STOP_LIMIT, TAKE_PROFIT
from tests.cards.card import (
    BOOK,
    EXPIRY,
    FAULTS,
    LISTED,
    OTHERS,
    QUOTES,
    REAL_TIME,
    UNIQUE_WHILE_OPEN,
    Cancel,
    Card,
    Cost,
    EmptyBook,
    Fault,
    Fills,
    Heal,
    Locked,
    MarketOf,
    Offer,
    OpenOrders,
    PlaceElsewhere,
    Quote,
    Reopen,
    Report,
    Step,
    Submit,
    TradeAt,
    Trades,
    buy,
    limit,
    market_buy,
    market_sell,
    sell,
    triggered,
)

GROUPS = (
    "market", "limit", "IOC", "FOK", "post-only", "stop", "cancel", "partial fills", "rejections",
    "ambiguous failures", "reconciliation", "market data",
)  # fmt: skip

RESTING = buy("1", "50")
BY = frozenset


def card(
    id: str, group: str, title: str, *steps: Step, expected: tuple[str, ...], needs: frozenset[str] = BY()
) -> Card:
    return Card(id=id, group=group, title=title, steps=steps, expected=expected, needs=needs)


MARKET_CARDS = (
    card(
        "M1", "market", "a buy by budget is filled",
        Submit("o-1", market_buy("100")), TradeAt("100"), Report("o-1"),
        expected=("o-1 open|filled *", "o-1 filled *"),
    ),
    card(
        "M2", "market", "a sale by quantity is filled in full",
        Submit("o-1", market_sell("1")), TradeAt("100"), Report("o-1"),
        expected=("o-1 open|filled *", "o-1 filled 1"),
    ),
    card(
        "M3", "market", "a buy costs no more than its budget, fees included",
        Submit("o-1", market_buy("100")), TradeAt("100"), Cost("o-1", "100"),
        expected=("o-1 open|filled *", "o-1 cost within 100"),
    ),
    card(
        "M4", "market", "two orders in a row are two orders",
        Submit("o-1", market_sell("1")), Submit("o-2", market_sell("1")), TradeAt("100"), Trades(),
        expected=("o-1 open|filled *", "o-2 open|filled *", "trades: o-1 1, o-2 1"),
    ),
)  # fmt: skip

LIMIT_CARDS = (
    card(
        "L1", "limit", "an order off the market rests",
        Submit("o-1", RESTING), Report("o-1"), OpenOrders(),
        expected=("o-1 open", "o-1 open", "open: o-1"),
    ),
    card(
        "L2", "limit", "it is filled when the market comes to it",
        Submit("o-1", RESTING), TradeAt("49"), Report("o-1"), OpenOrders(),
        expected=("o-1 open", "o-1 filled 1", "open:"),
    ),
    card(
        "L3", "limit", "an order through the market is filled at its limit or better",
        Offer("sell", "2", "100"), Submit("o-1", buy("1", "110")), Report("o-1"), Cost("o-1", "100"),
        expected=("o-1 open|filled *", "o-1 filled 1", "o-1 cost within 100"), needs=BY({BOOK}),
    ),
    card(
        "L4", "limit", "one id opens one order, however often it is sent",
        Submit("o-1", RESTING), Submit("o-1", RESTING), OpenOrders(),
        expected=("o-1 open", "o-1 open", "open: o-1"),
    ),
    card(
        "L5", "limit", "an id in use takes no other terms",
        Submit("o-1", RESTING), Submit("o-1", buy("1", "51")), OpenOrders(),
        expected=("o-1 open", "o-1 refused", "open: o-1"),
    ),
    card(
        "L6", "limit", "an id in use opens no second order after a restart",
        Submit("o-1", RESTING), Reopen(), Submit("o-1", RESTING), OpenOrders(),
        expected=("o-1 open", "o-1 open", "open: o-1"), needs=BY({UNIQUE_WHILE_OPEN}),
    ),
)  # fmt: skip

IOC_CARDS = (
    card(
        "I1", "IOC", "what is there is taken, and the rest ends",
        Offer("sell", "0.4", "100"), Submit("o-1", buy("1", "100", IOC)), Report("o-1"), OpenOrders(),
        expected=("o-1 canceled 0.4", "o-1 canceled 0.4", "open:"), needs=BY({BOOK}),
    ),
    card(
        "I2", "IOC", "where nothing is there, nothing is left",
        Offer("sell", "1", "110"), Submit("o-1", buy("1", "100", IOC)), OpenOrders(),
        expected=("o-1 canceled|refused|rejected", "open:"), needs=BY({BOOK}),
    ),
)  # fmt: skip

FOK_CARDS = (
    card(
        "F1", "FOK", "all of it is there: filled",
        Offer("sell", "2", "100"), Submit("o-1", buy("1", "100", FOK)), Report("o-1"),
        expected=("o-1 filled 1", "o-1 filled 1"), needs=BY({BOOK}),
    ),
    card(
        "F2", "FOK", "not all of it is there: nothing is taken",
        Offer("sell", "0.4", "100"), Submit("o-1", buy("1", "100", FOK)), OpenOrders(), Trades(),
        expected=("o-1 canceled|refused|rejected", "open:", "trades:"), needs=BY({BOOK}),
    ),
)  # fmt: skip

POST_ONLY_CARDS = (
    card(
        "P1", "post-only", "it rests where it takes nothing",
        Submit("o-1", buy("1", "50", POST_ONLY)), OpenOrders(),
        expected=("o-1 open", "open: o-1"),
    ),
    card(
        "P2", "post-only", "it is refused where it would take",
        Offer("sell", "1", "100"), Submit("o-1", buy("1", "100", POST_ONLY)), OpenOrders(), Trades(),
        expected=("o-1 refused|rejected|canceled", "open:", "trades:"), needs=BY({BOOK}),
    ),
)  # fmt: skip

STOP_CARDS = (
    card(
        "S1", "stop", "it waits until the market trades at its trigger",
        Submit("o-1", triggered(STOP, "1", "80")), TradeAt("90"), Report("o-1"),
        expected=("o-1 open", "o-1 open"), needs=BY({REAL_TIME}),
    ),
    card(
        "S2", "stop", "then it is a market order",
        Submit("o-1", triggered(STOP, "1", "80")), TradeAt("79"), Report("o-1"),
        expected=("o-1 open", "o-1 filled 1"), needs=BY({REAL_TIME}),
    ),
    card(
        "S3", "stop", "a stop-limit becomes a limit order, and rests where the market ran away",
        Submit("o-1", triggered(STOP_LIMIT, "1", "80", "79.5")), TradeAt("79"), Report("o-1"),
        TradeAt("90"), Report("o-1"),
        expected=("o-1 open", "o-1 open", "o-1 filled 1"), needs=BY({REAL_TIME}),
    ),
    card(
        "S4", "stop", "a take-profit waits on the other side",
        Submit("o-1", triggered(TAKE_PROFIT, "1", "120")), TradeAt("110"), Report("o-1"),
        TradeAt("121"), Report("o-1"),
        expected=("o-1 open", "o-1 open", "o-1 filled 1"), needs=BY({REAL_TIME}),
    ),
    card(
        "S5", "stop", "a waiting stop is canceled like any other order",
        Submit("o-1", triggered(STOP, "1", "80")), Cancel("o-1"), TradeAt("70"), Report("o-1"),
        expected=("o-1 open", "o-1 canceled", "o-1 canceled"), needs=BY({REAL_TIME}),
    ),
)  # fmt: skip

CANCEL_CARDS = (
    card(
        "C1", "cancel", "a resting order ends, for good",
        Submit("o-1", RESTING), Cancel("o-1"), TradeAt("10"), Report("o-1"), OpenOrders(),
        expected=("o-1 open", "o-1 canceled", "o-1 canceled", "open:"),
    ),
    card(
        "C2", "cancel", "asked for twice, it answers the same",
        Submit("o-1", RESTING), Cancel("o-1"), Cancel("o-1"),
        expected=("o-1 open", "o-1 canceled", "o-1 canceled"),
    ),
    card(
        "C3", "cancel", "a filled order answers as it stands",
        Submit("o-1", market_sell("1")), TradeAt("100"), Cancel("o-1"),
        expected=("o-1 open|filled *", "o-1 filled 1"),
    ),
    card(
        "C4", "cancel", "an order that never was is not found",
        Cancel("o-1"), Report("o-1"),
        expected=("o-1 not found", "o-1 not found"),
    ),
    card(
        "C5", "cancel", "what was locked is free again",
        Submit("o-1", buy("9", "100")), Cancel("o-1"), Submit("o-2", buy("9", "100")),
        expected=("o-1 open", "o-1 canceled", "o-2 open"),
    ),
)  # fmt: skip

PARTIAL_CARDS = (
    card(
        "Q1", "partial fills", "part of it is filled, the rest stays open",
        Offer("sell", "0.4", "100"), Submit("o-1", buy("1", "100")), Report("o-1"), OpenOrders(),
        expected=("o-1 open 0.4", "o-1 open 0.4", "open: o-1"), needs=BY({BOOK}),
    ),
    card(
        "Q2", "partial fills", "each part is a fill of its own, oldest first, once",
        Offer("sell", "0.4", "100"), Submit("o-1", buy("1", "100")), Offer("sell", "0.35", "99"),
        Offer("sell", "0.25", "98"), Report("o-1"), Fills("o-1"), Trades(),
        expected=("o-1 open 0.4", "o-1 filled 1", "o-1 fills 0.4 0.35 0.25",
                  "trades: o-1 0.4, o-1 0.35, o-1 0.25"),
        needs=BY({BOOK}),
    ),
    card(
        "Q3", "partial fills", "canceled, it keeps what was filled",
        Offer("sell", "0.4", "100"), Submit("o-1", buy("1", "100")), Cancel("o-1"), Fills("o-1"),
        expected=("o-1 open 0.4", "o-1 canceled 0.4", "o-1 fills 0.4"), needs=BY({BOOK}),
    ),
)  # fmt: skip

REJECTION_CARDS = (
    card(
        "R1", "rejections", "without funds: refused, and the order does not exist",
        Submit("o-1", buy("100", "50")), Report("o-1"), OpenOrders(),
        expected=("o-1 refused", "o-1 not found", "open:"),
    ),
    card(
        "R2", "rejections", "off the lot",
        Submit("o-1", sell("0.1234567", "200")), OpenOrders(), expected=("o-1 refused", "open:"),
    ),
    card(
        "R3", "rejections", "off the tick",
        Submit("o-1", buy("1", "50.00001")), OpenOrders(), expected=("o-1 refused", "open:"),
    ),
    card(
        "R4", "rejections", "below the least notional",
        Submit("o-1", buy("0.01", "50")), OpenOrders(), expected=("o-1 refused", "open:"),
    ),
    card(
        "R5", "rejections", "a pair that is not listed",
        Submit("o-1", limit("buy", "1", "50", symbol="NOT/HERE")), OpenOrders(),
        expected=("o-1 refused", "open:"),
    ),
    card(
        "R6", "rejections", "an id that was refused may be used for an order that is not",
        Submit("o-1", buy("100", "50")), Submit("o-1", RESTING), OpenOrders(),
        expected=("o-1 refused", "o-1 open", "open: o-1"),
    ),
    card(
        "R7", "rejections", "a request whose time has passed opens nothing",
        Submit("o-1", RESTING, expires_in_s=-1), Report("o-1"), OpenOrders(),
        expected=("o-1 refused|unknown", "o-1 not found", "open:"), needs=BY({EXPIRY}),
    ),
)  # fmt: skip

FAILING = BY({FAULTS})
AMBIGUOUS_CARDS = (
    card(
        "A1", "ambiguous failures", "the answer is lost: unknown, then found, never doubled",
        Fault("answer lost"), Submit("o-1", RESTING), Report("o-1"), Submit("o-1", RESTING), OpenOrders(),
        expected=("o-1 unknown", "o-1 open", "o-1 open", "open: o-1"), needs=FAILING,
    ),
    card(
        "A2", "ambiguous failures", "the request is lost: unknown, and not found",
        Fault("request lost"), Submit("o-1", RESTING), Report("o-1"), OpenOrders(),
        expected=("o-1 unknown", "o-1 not found", "open:"), needs=FAILING,
    ),
    card(
        "A3", "ambiguous failures", "a 5xx after it was taken is no refusal",
        Fault("5xx after"), Submit("o-1", RESTING), Report("o-1"),
        expected=("o-1 unknown", "o-1 open"), needs=FAILING,
    ),
    card(
        "A4", "ambiguous failures", "a web page with status 200 is no answer",
        Fault("web page after"), Submit("o-1", RESTING), Report("o-1"),
        expected=("o-1 unknown", "o-1 open"), needs=FAILING,
    ),
    card(
        "A5", "ambiguous failures", "too many requests: refused, and nothing is open",
        Fault("rate limited"), Submit("o-1", RESTING), Report("o-1"), OpenOrders(),
        expected=("o-1 refused|unknown", "o-1 not found", "open:"), needs=FAILING,
    ),
    card(
        "A6", "ambiguous failures", "filled behind a lost answer: every fill is found, once",
        Offer("sell", "2", "100"), Fault("answer lost"), Submit("o-1", buy("1", "100")), Report("o-1"),
        Submit("o-1", buy("1", "100")), Trades(),
        expected=("o-1 unknown", "o-1 filled 1", "o-1 filled 1", "trades: o-1 1"),
        needs=BY({FAULTS, BOOK}),
    ),
    card(
        "A7", "ambiguous failures", "partly filled behind a lost answer",
        Offer("sell", "0.4", "100"), Fault("answer lost"), Submit("o-1", buy("1", "100")), Report("o-1"),
        expected=("o-1 unknown", "o-1 open 0.4"), needs=BY({FAULTS, BOOK}),
    ),
    card(
        "A8", "ambiguous failures", "rejected behind a lost answer: unknown, and not found",
        Fault("answer lost"), Submit("o-1", buy("100", "50")), Report("o-1"),
        expected=("o-1 refused|unknown", "o-1 not found"), needs=FAILING,
    ),
    card(
        "A9", "ambiguous failures", "a query that fails is asked again",
        Submit("o-1", RESTING), Fault("query fails once"), Report("o-1"),
        expected=("o-1 open", "o-1 open"), needs=FAILING,
    ),
    card(
        "A10", "ambiguous failures", "a cancel whose answer is lost is done, and answers as the order stands",
        Submit("o-1", RESTING), Fault("cancel answer lost"), Cancel("o-1"), Report("o-1"),
        expected=("o-1 open", "o-1 canceled", "o-1 canceled"), needs=FAILING,
    ),
    card(
        "A11", "ambiguous failures", "an answer with impossible figures is no answer",
        Fault("impossible answer"), Submit("o-1", RESTING), Heal(), Report("o-1"),
        expected=("o-1 open|unknown", "o-1 open"), needs=FAILING,
    ),
    card(
        "A12", "ambiguous failures", "in maintenance nothing is known, and nothing is invented",
        Submit("o-1", RESTING), Fault("maintenance"), Report("o-1"), Heal(), Report("o-1"),
        expected=("o-1 open", "o-1 unknown", "o-1 open"), needs=FAILING,
    ),
    card(
        "A13", "ambiguous failures", "after a restart a lost order is found under its id",
        Fault("answer lost"), Submit("o-1", RESTING), Reopen(), Report("o-1"), OpenOrders(),
        expected=("o-1 unknown", "o-1 open", "open: o-1"), needs=FAILING,
    ),
)  # fmt: skip

RECONCILIATION_CARDS = (
    card(
        "X1", "reconciliation", "what is open is listed oldest first, after a restart as well",
        Submit("o-2", RESTING), Submit("o-1", RESTING), Submit("o-3", RESTING), Reopen(), OpenOrders(),
        expected=("o-2 open", "o-1 open", "o-3 open", "open: o-2 o-1 o-3"),
    ),
    card(
        "X2", "reconciliation", "fills outlive our side",
        Submit("o-1", market_sell("1")), TradeAt("100"), Reopen(), Report("o-1"), Fills("o-1"),
        expected=("o-1 open|filled *", "o-1 filled 1", "o-1 fills 1"),
    ),
    card(
        "X3", "reconciliation", "what an order locks is told as locked",
        Submit("o-1", buy("2", "50")), Locked("USDT"), Cancel("o-1"), Locked("USDT"),
        expected=("o-1 open", "locked 100|100.1 USDT", "o-1 canceled", "locked 0 USDT"),
    ),
    card(
        "X4", "reconciliation", "an order that is not ours is told as what it is",
        PlaceElsewhere(RESTING), Submit("o-1", RESTING), OpenOrders(),
        expected=("o-1 open", "open: foreign o-1"), needs=BY({OTHERS}),
    ),
    card(
        "X5", "reconciliation", "a fill that is listed late is seen to be missing until it comes",
        Offer("sell", "2", "100"), Fault("late fills"), Submit("o-1", buy("1", "100")), Fills("o-1"), Heal(),
        Fills("o-1"),
        expected=("o-1 filled 1", "o-1 fills, 1 missing", "o-1 fills 1"), needs=BY({FAULTS, BOOK}),
    ),
    card(
        "X6", "reconciliation", "an accepted order may not be visible yet: not found is no proof so soon",
        Fault("invisible"), Submit("o-1", RESTING), Report("o-1"), Heal(), Report("o-1"),
        expected=("o-1 open", "o-1 not found", "o-1 open"), needs=FAILING,
    ),
    card(
        "X7", "reconciliation", "every trade of the account is listed, with the order it was of",
        Submit("o-1", market_sell("0.5")), TradeAt("100"), Submit("o-2", market_sell("0.25")), TradeAt("100"),
        Trades(),
        expected=("o-1 open|filled *", "o-2 open|filled *", "trades: o-1 0.5, o-2 0.25"),
    ),
)  # fmt: skip

MARKET_DATA_CARDS = (
    card("D1", "market data", "a market tells its filters", MarketOf("BTC/USDT"),
         expected=("market has tick, lot, least notional",)),
    card("D2", "market data", "a pair that is not listed is refused", MarketOf("NOT/HERE"),
         expected=("market refused",), needs=BY({LISTED})),
    card("D3", "market data", "the best bid is below the best ask", Quote(), TradeAt("105"), Quote(),
         expected=("quote bid < ask", "quote bid < ask"), needs=BY({QUOTES})),
    card("D4", "market data", "nobody is told a book with one side", EmptyBook(), Quote(),
         expected=("quote unavailable",), needs=BY({QUOTES, BOOK})),
)  # fmt: skip

DECK = (
    MARKET_CARDS + LIMIT_CARDS + IOC_CARDS + FOK_CARDS + POST_ONLY_CARDS + STOP_CARDS + CANCEL_CARDS
    + PARTIAL_CARDS + REJECTION_CARDS + AMBIGUOUS_CARDS + RECONCILIATION_CARDS + MARKET_DATA_CARDS
)  # fmt: skip
