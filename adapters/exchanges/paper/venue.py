"""The paper venue: a venue like any other, except that its market is the candles it is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.exchanges.paper import intake
from adapters.exchanges.paper.changes import (
    changed,
    credited,
    numbered,
    put,
    reported,
    same_or_refused,
    shown_account,
    stated,
    still_open,
    traded,
    venue_order_id,
)
from adapters.exchanges.paper.matching import (
    Matched,
    is_drawn,
    match,
    moved,
    offer_of,
    offer_on_arrival,
)
from adapters.exchanges.paper.terms import differing_terms, fits, require_valid
from application.failpoints import failpoint
from application.ports.exchange import (
    FOREVER,
    AccountTrade,
    CandleDriven,
    Exchange,
    Guarantees,
    OpenOrder,
    OrderReport,
    OrderRequest,
    VenueBalance,
    VenueOrderNotFound,
    VenueOutcomeUnknown,
    VenueRefused,
    price_series,
)
from application.ports.paper_accounts import CLOSE, PaperAccount, PaperAccounts, PaperTerms, VenueDeposit
from application.ports.paper_store import (
    CANCELED,
    OPEN,
    AccountChange,
    AccountState,
    AccountTermsDiffer,
    Balance,
    DepositDiffers,
    OrderIdTaken,
    PaperOrder,
    PaperStore,
    PaperStoreUnavailable,
    StaleAccount,
    UnknownVenueAccount,
)
from domain.errors import InvalidValue
from domain.market import Candle, Market, interval_ms
from domain.money import ZERO, Money, add, parse_asset, subtract
from domain.orders.order import BUY, GTC, LIMIT, MARKET, Fill
from domain.reconciliation.statement import AccountStatement

AFTER_VENUE_FILL = "after_venue_fill"
MOST_ENDED_REMEMBERED = 1_000

GUARANTEES = Guarantees(
    requests_expire=False,
    client_ids_unique=FOREVER,
    not_found_after=timedelta(0),
    order_types=frozenset({MARKET, LIMIT}),
    times_in_force=frozenset({GTC}),
    is_candle_driven=True,
)


class PaperExchange(Exchange, CandleDriven, PaperAccounts):
    """Fills orders against closed candles, by each account's terms, with balances of its own.

    Deterministic: the same requests and candles give the same fills with the same ids, whatever was killed
    and shown again in between. Safe to call from several threads. Where the store is not exclusive, several
    processes may run one venue: every commit is guarded by the account's version, and every candle looks for
    open orders in the store.
    """

    def __init__(self, store: PaperStore, *, name: str = "paper") -> None:
        self.name = name
        self._store = store
        self._lock = threading.RLock()
        self._states: dict[str, AccountState] = {}  # trusted only where the store is exclusive
        self._working: dict[str, set[str]] = {}  # by symbol: accounts with open orders, same condition
        # newest orders that have ended, which nothing changes any more: they are asked for once they have
        self._ended: dict[tuple[str, str], PaperOrder] = {}
        self._seen: dict[tuple[str, str], int] = {}  # by order: open time of the newest candle it was shown
        # by symbol and series, and by symbol alone (""): interval and candle shown last
        self._last: dict[tuple[str, str], tuple[str, Candle]] = {}

    # -- candles -------------------------------------------------------------------------------------------

    def show(self, source: str, symbol: str, interval: str, candle: Candle) -> None:
        """As CandleDriven.

        Without an open order of the symbol nothing is read or written. Errors: VenueOutcomeUnknown when the
        store did not answer; showing the candle again is the way out.
        """
        series = price_series(source, interval)
        self._last[symbol, series] = self._last[symbol, ""] = (interval, candle)
        working = self._working.get(symbol)
        if working is None or working:
            self._match_all(symbol, series, interval_ms(interval), candle)

    def _match_all(self, symbol: str, series: str, length_ms: int, candle: Candle) -> None:
        with self._lock, _unknown_when_unavailable(f"candle {candle.open_time_ms} of {symbol}"):
            for account in sorted(self._accounts_working_on(symbol)):
                while not self._match_account(account, symbol, series, length_ms, candle):
                    pass  # another process committed to the account: decide again on what it left

    def _match_account(self, account: str, symbol: str, series: str, length_ms: int, candle: Candle) -> bool:
        state = self._load(account)
        if state is None:
            return True
        done: list[tuple[PaperOrder, Matched]] = []
        for order in state.orders.values():
            if order.terms.symbol != symbol or order.price_series not in ("", series):
                continue
            key = (account, order.client_order_id)
            if self._seen.get(key, candle.open_time_ms) > candle.open_time_ms:
                continue  # older than one it was shown: that moment has passed
            self._seen[key] = candle.open_time_ms
            offer = offer_of(order, state.terms, candle, length_ms)
            if offer is None or not is_drawn(state.terms, order.client_order_id, candle.open_time_ms):
                continue
            matched = match(order, offer, state.terms, candle)
            if matched is not None:
                done.append((order, matched))
        if not done:
            return True
        balances, orders = dict(state.balances), dict(state.orders)
        fills: list[tuple[str, int, Fill]] = []
        for order, matched in done:
            moved(balances, order, matched)
            put(orders, matched.order)
            fills += numbered(matched)
        updated = tuple(matched.order for _, matched in done)
        if not self._save(changed(state, balances, orders, updated_orders=updated, new_fills=tuple(fills))):
            return False
        for order in updated:
            if order.status != OPEN:
                self._seen.pop((account, order.client_order_id), None)
        if fills:
            failpoint(AFTER_VENUE_FILL)
        return True

    # -- orders --------------------------------------------------------------------------------------------

    def market(self, venue_account: str, symbol: str) -> Market:
        state = self._require(venue_account)
        intake.require_symbol(symbol)
        terms = state.terms
        return Market(
            symbol=symbol,
            tick_size=terms.tick_size,
            lot_size=terms.lot_size,
            min_notional=terms.min_notional,
            base_scale=terms.base_scale,
            quote_scale=terms.quote_scale,
        )

    def taker_fee_rate(self, venue_account: str, symbol: str) -> Decimal:
        """As Exchange; a rebate counts as zero."""
        intake.require_symbol(symbol)
        return max(self._require(venue_account).terms.taker_fee_rate, ZERO)

    def submit(self, request: OrderRequest) -> OrderReport:
        account, order_id = request.venue_account, request.client_order_id
        with self._lock, _unknown_when_unavailable(f"order {order_id}"):
            while True:
                state = self._require(account)
                known = state.orders.get(order_id)
                if known is not None:
                    return same_or_refused(known, request)
                try:
                    change = self._opened(state, request)
                except VenueRefused:
                    stored = self._store.order(account, order_id)
                    if stored is None:
                        raise
                    return same_or_refused(
                        stored, request
                    )  # it was taken before: what is true now does not matter
                try:
                    if not self._save(change):
                        continue
                except OrderIdTaken:
                    stored = self._store.order(account, order_id)
                    if stored is None:
                        raise VenueOutcomeUnknown(order_id) from None
                    return same_or_refused(stored, request)
                if change.new_fills:
                    failpoint(AFTER_VENUE_FILL)
                return reported(change.new_orders[0])

    def cancel(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:
        with self._lock, _unknown_when_unavailable(f"cancel of {client_order_id}"):
            while True:
                state = self._load(venue_account)
                order = state.orders.get(client_order_id) if state is not None else None
                if state is None or order is None:
                    return self.report(venue_account, symbol, client_order_id)
                ended = replace(order, status=CANCELED, reason="canceled on request", locked=ZERO)
                balances, orders = dict(state.balances), dict(state.orders)
                moved(balances, order, Matched(ended))
                put(orders, ended)
                if self._save(changed(state, balances, orders, updated_orders=(ended,))):
                    self._seen.pop((venue_account, client_order_id), None)
                    return reported(ended)

    def report(self, venue_account: str, symbol: str, client_order_id: str) -> OrderReport:  # noqa: ARG002
        with self._lock, _unknown_when_unavailable(f"order {client_order_id}"):
            order = self._ended.get((venue_account, client_order_id))
            if order is None:
                state = self._load(venue_account)
                order = state.orders.get(client_order_id) if state is not None else None
            order = order or self._store.order(venue_account, client_order_id)
            if order is None:
                raise VenueOrderNotFound(f"account {venue_account} has no order {client_order_id}")
            return reported(order)

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def open_orders(self, venue_account: str) -> Sequence[OpenOrder]:
        with self._lock:
            return [still_open(order) for order in self._require(venue_account).orders.values()]

    def trades_since(self, venue_account: str, symbol: str, since_utc: datetime) -> Sequence[AccountTrade]:
        with _unknown_when_unavailable(f"account {venue_account}"):
            history = self._store.history(venue_account)
        if history is None:
            raise VenueRefused(f"no account {venue_account}")
        return traded(history, symbol, since_utc)

    def balances(self, venue_account: str) -> Mapping[str, VenueBalance]:
        with self._lock:
            held = self._require(venue_account).balances
        return {asset: VenueBalance(one.free, one.locked) for asset, one in held.items()}

    def statement(self, venue_account: str) -> AccountStatement:
        with _unknown_when_unavailable(f"account {venue_account}"):
            history = self._store.history(venue_account)
        if history is None:
            raise VenueRefused(f"no account {venue_account}")
        return stated(venue_account, history)

    def _opened(self, state: AccountState, request: OrderRequest) -> AccountChange:
        """The order with its lock, and its first fill where the convention gives one at once."""
        last = self._last.get((request.terms.symbol, request.price_series))
        lock = intake.require_acceptable(request, state.terms, last[1] if last else None)
        base, _, quote = request.terms.symbol.partition("/")
        asset = quote if request.terms.side == BUY else base
        balance = state.balances.get(asset, Balance())
        if lock > balance.free:
            raise VenueRefused(
                f"insufficient balance: needs {Money(lock, asset)}, free {Money(balance.free, asset)}"
            )
        balances, orders = dict(state.balances), dict(state.orders)
        balances[asset] = replace(
            balance, free=subtract(balance.free, lock), locked=add(balance.locked, lock)
        )
        order = PaperOrder(
            client_order_id=request.client_order_id,
            venue_order_id=venue_order_id(request),
            number=state.version,
            terms=request.terms,
            sent_at_ms=intake.milliseconds(request.sent_at_utc),
            price_series=request.price_series,
            locked=lock,
        )
        fills: Sequence[tuple[str, int, Fill]] = ()
        if last is not None and state.terms.fill_convention == CLOSE:
            interval, shown = last
            order, fills = _arrived(order, state.terms, shown, interval_ms(interval), balances)
        put(orders, order)
        return changed(state, balances, orders, new_orders=(order,), new_fills=tuple(fills))

    # -- accounts ------------------------------------------------------------------------------------------

    def open_account(self, venue_account: str, terms: PaperTerms) -> None:
        """As PaperAccounts. Errors: InvalidValue naming the field, AccountTermsDiffer."""
        require_valid(terms)
        if not venue_account or len(venue_account) > intake.LONGEST_ID:
            raise InvalidValue("venue_account", f"must have 1 to {intake.LONGEST_ID} characters")
        with self._lock, _unknown_when_unavailable(f"account {venue_account}"):
            if self._store.create(venue_account, terms):
                return
            state = self._load(venue_account)
            if state is not None and state.terms != terms:
                raise AccountTermsDiffer(
                    venue_account=venue_account, differing=differing_terms(state.terms, terms)
                )

    def deposit(self, deposits: Sequence[VenueDeposit]) -> None:
        """As PaperAccounts."""
        for one in deposits:
            parse_asset(one.amount.asset)
            if not fits(one.amount.amount) or not one.amount.amount:
                raise InvalidValue(
                    "amount", "must not be zero, with at most 18 digits before and after the point"
                )
        if not deposits:
            return
        with self._lock, _unknown_when_unavailable(f"{len(deposits)} deposits"):
            while not self._save(*self._deposited(deposits)):
                pass  # another process committed to one of the accounts: decide again on what it left

    def _deposited(self, deposits: Sequence[VenueDeposit]) -> Sequence[AccountChange]:
        """One change an account, of the deposits that were not made before."""
        states = self._load_all({one.venue_account for one in deposits})
        # after the states: what was made in between is seen here, what is made later makes the save stale
        made = self._store.deposits((one.venue_account, one.deposit_id) for one in deposits)
        missing: dict[str, dict[str, Money]] = {}
        for account, deposit_id, amount in deposits:
            if account not in states:
                raise UnknownVenueAccount(venue_account_id=account)
            stands = made.get((account, deposit_id))
            if stands is None:
                stands = missing.setdefault(account, {}).setdefault(deposit_id, amount)
            if stands != amount:
                raise DepositDiffers(deposit_id=deposit_id, made=stands, requested=amount)
        return [credited(states[account], some) for account, some in missing.items()]

    def account(self, venue_account: str) -> PaperAccount:
        """As PaperAccounts. Errors: UnknownVenueAccount."""
        with self._lock, _unknown_when_unavailable(f"account {venue_account}"):
            state = self._load(venue_account)
        if state is None:
            raise UnknownVenueAccount(venue_account_id=venue_account)
        return shown_account(state)

    def accounts(self) -> Sequence[PaperAccount]:
        with self._lock, _unknown_when_unavailable("accounts"):
            return [shown_account(state) for state in self._store.accounts()]

    # -- what is known -------------------------------------------------------------------------------------

    def _require(self, venue_account: str) -> AccountState:
        with _unknown_when_unavailable(f"account {venue_account}"):
            state = self._load(venue_account)
        if state is None:
            raise VenueRefused(f"no account {venue_account}")
        return state

    def _load(self, account: str) -> AccountState | None:
        state = self._states.get(account)
        if state is None:
            state = self._store.load(account)
            if state is not None and self._store.exclusive:
                self._states[account] = state
        return state

    def _load_all(self, accounts: Iterable[str]) -> Mapping[str, AccountState]:
        states = {account: self._states[account] for account in accounts if account in self._states}
        if unknown := [account for account in accounts if account not in states]:
            loaded = self._store.load_all(unknown)
            states.update(loaded)
            if self._store.exclusive:
                self._states.update(loaded)
        return states

    def _accounts_working_on(self, symbol: str) -> set[str]:
        working = self._working.get(symbol)
        if working is None:
            working = set(self._store.accounts_with_open_orders(symbol))
            if self._store.exclusive:
                self._working[symbol] = working
        return working

    def _save(self, *changes: AccountChange) -> bool:
        """Commit, then remember; False when an account has moved on and the caller must decide again."""
        try:
            self._store.save(*changes)
        except StaleAccount:
            self._forget(changes)
            return False
        except BaseException:  # it may have been committed: what is remembered may be wrong
            self._forget(changes)
            raise
        for change in changes:
            self._remember(change)
        return True

    def _remember(self, change: AccountChange) -> None:
        account = change.after.venue_account
        for order in (*change.new_orders, *change.updated_orders):
            if order.status != OPEN:
                self._ended[account, order.client_order_id] = order
        while len(self._ended) > MOST_ENDED_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        if self._store.exclusive:
            self._states[account] = change.after
            for order in (*change.new_orders, *change.updated_orders):
                self._index(account, order.terms.symbol, change.after)

    def _index(self, account: str, symbol: str, state: AccountState) -> None:
        working = self._working.get(symbol)
        if working is None:
            return  # looked up in the store when the next candle is shown
        if any(order.terms.symbol == symbol for order in state.orders.values()):
            working.add(account)
        else:
            working.discard(account)

    def _forget(self, changes: Sequence[AccountChange]) -> None:
        for change in changes:
            self._states.pop(change.after.venue_account, None)
        self._working.clear()


@contextmanager
def _unknown_when_unavailable(what: str) -> Iterator[None]:
    try:
        yield
    except PaperStoreUnavailable as e:
        raise VenueOutcomeUnknown(f"{what}: {e}") from e


def _arrived(
    order: PaperOrder, terms: PaperTerms, shown: Candle, length_ms: int, balances: dict[str, Balance]
) -> tuple[PaperOrder, Sequence[tuple[str, int, Fill]]]:
    """The order after the last candle shown had its turn, under the close convention."""
    if shown.open_time_ms + length_ms > order.sent_at_ms:
        return order, ()  # that close was not known when the order was sent: it meets it when shown again
    waiting = replace(order, last_candle_ms=shown.open_time_ms)
    if terms.latency_ms or not is_drawn(terms, order.client_order_id, shown.open_time_ms):
        return waiting, ()
    offer = offer_on_arrival(order, terms, shown, length_ms)
    matched = match(order, offer, terms, shown) if offer is not None else None
    if matched is None:
        return waiting, ()
    moved(balances, order, matched)
    return matched.order, numbered(matched)
