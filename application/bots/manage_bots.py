"""Create bots and lead them through their life."""

from __future__ import annotations

from dataclasses import dataclass

from application.orders.trade_signal import require_trading, sellable
from application.paper.accounts import UnknownPaperAccount, open_paper_book, owned_paper_book
from application.paper.terms import terms_from_text
from application.ports.commands import Result
from application.ports.paper_accounts import PaperTerms
from application.streams import book_stream, bot_stream
from application.work import Work
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms
from domain.bots.modes import PAPER
from domain.ledger.postings import AVAILABLE, bot_account, held_account
from domain.market import Market
from domain.money import ZERO, Money
from domain.strategies import make_strategy


@dataclass(frozen=True, slots=True)
class CreateBot:
    """A new bot on one of its owner's paper accounts.

    A wallet is never missing: an asset the owner never had stands at zero, and where there is no account
    yet (`book_is_new`) an empty one is opened with it. What the free balance covers of the allocation is
    allocated now, the rest when the bot starts and the money is there.
    Refusals, in order: unknown_account, account_frozen, unknown_strategy, invalid_parameter,
    unknown_paper_account, book_not_open, invalid_value, bot_exists.
    """

    bot_id: str
    owner_id: str
    book_id: str
    book_is_new: bool
    terms: BotTerms

    def decide(self, work: Work) -> Result:
        work.account(self.owner_id).require_active()
        make_strategy(self.terms.strategy, self.terms.parameters)
        if self.book_is_new:
            open_paper_book(work, self.book_id, self.owner_id, (), PaperTerms())
        book = owned_paper_book(work, self.book_id, self.owner_id)
        book.require_open()
        events = work.bot(self.bot_id).create(
            bot_id=self.bot_id,
            owner_id=self.owner_id,
            book_id=self.book_id,
            venue_account=book.venue_account,
            terms=self.terms,
            at=work.now,
        )
        work.record(bot_stream(self.bot_id), events)
        if events:
            allocate_up_to_target(work, self.bot_id, "creation")
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class StartBot:
    """Begin a run, after `after_candle_ms` (None: from the first candle on). Tops the allocation up first.

    Refusals, in order: unknown_bot, account_frozen, kill_switch_engaged, bot_wrong_state.
    """

    bot_id: str
    owner_id: str
    after_candle_ms: int | None

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        require_trading(work, bot)
        events = bot.start(after_candle_ms=self.after_candle_ms, at=work.now)
        work.record(bot_stream(self.bot_id), events)
        if events:
            allocate_up_to_target(work, self.bot_id, f"run{work.bot(self.bot_id).run}")
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class PauseBot:
    """No signals until it is resumed; open orders live on.

    Refusals, in order: unknown_bot, account_frozen, bot_wrong_state.
    """

    bot_id: str
    owner_id: str
    reason: str

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        work.record(bot_stream(self.bot_id), bot.pause(reason=self.reason, at=work.now))
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class ResumeBot:
    """Trade again on candles that open after `after_candle_ms`.

    Refusals, in order: unknown_bot, account_frozen, kill_switch_engaged, bot_wrong_state.
    """

    bot_id: str
    owner_id: str
    after_candle_ms: int | None

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        require_trading(work, bot)
        work.record(bot_stream(self.bot_id), bot.resume(after_candle_ms=self.after_candle_ms, at=work.now))
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class StopBot:
    """End the run; what is allocated stays with the bot, and what is open of its order is to be canceled.

    Whoever hosts the bot asks the venue for that. Refusals, in order: unknown_bot, account_frozen (operators
    have the kill switch), bot_wrong_state.
    """

    bot_id: str
    owner_id: str
    reason: str

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        work.record(bot_stream(self.bot_id), bot.stop(reason=self.reason, at=work.now))
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class AllocateToBot:
    """Set more of the free balance apart for a bot, in any asset.

    Refusals, in order: unknown_bot, account_frozen, book_not_open, invalid_value, insufficient_funds,
    fact_already_recorded (the allocation_id was used before).
    """

    bot_id: str
    owner_id: str
    amount: Money
    allocation_id: str

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        book = work.book(bot.book_id)
        work.claim(f"allocation:{bot.book_id}:{self.allocation_id}")
        work.record(
            book_stream(bot.book_id),
            book.allocate(self.amount, bot_id=self.bot_id, entry_id=self.allocation_id, at=work.now),
        )
        return described(work, self.bot_id)


@dataclass(frozen=True, slots=True)
class DeallocateFromBot:
    """Give funds of a bot back to the free balance; what its open orders hold stays held.

    Refusals, in order: unknown_bot, account_frozen, invalid_value, insufficient_funds,
    fact_already_recorded (the allocation_id was used before).
    """

    bot_id: str
    owner_id: str
    amount: Money
    allocation_id: str

    def decide(self, work: Work) -> Result:
        bot = owned_bot(work, self.bot_id, self.owner_id)
        work.account(self.owner_id).require_active()
        book = work.book(bot.book_id)
        work.claim(f"allocation:{bot.book_id}:{self.allocation_id}")
        work.record(
            book_stream(bot.book_id),
            book.deallocate(self.amount, bot_id=self.bot_id, entry_id=self.allocation_id, at=work.now),
        )
        return described(work, self.bot_id)


def owned_bot(work: Work, bot_id: str, owner_id: str) -> Bot:
    """The owner's bot, or UnknownBot (also when it is somebody else's)."""
    bot = work.bot(bot_id)
    if not bot.exists or bot.owner_id != owner_id:
        raise UnknownBot(bot_id=bot_id)
    return bot


def allocate_up_to_target(work: Work, bot_id: str, occasion: str) -> None:
    """Allocate what the target lacks, as far as the free balance goes; nothing there is no error.

    What an order of the bot holds counts as allocated, and while it has a position (more than dust) nothing
    is added: the position is what it made of its allocation.
    """
    bot = work.bot(bot_id)
    if bot.terms is None:
        return
    book = work.book(bot.book_id)
    target = bot.terms.allocation
    held = held_account(bot.last_order_id)
    allocated = book.owed(bot_account(bot_id), target.asset) + book.owed(held, target.asset)
    amount = min(book.owed(AVAILABLE, target.asset), target - allocated)
    market = Market(symbol=bot.terms.symbol, lot_size=terms_from_text(book.venue_terms).lot_size)
    in_position = sellable(book, bot_id, market) + book.owed(held, market.base)
    if amount.amount > ZERO and book.is_open and in_position.amount == ZERO:
        work.record(
            book_stream(bot.book_id),
            book.allocate(amount, bot_id=bot_id, entry_id=f"allocation:{bot_id}:{occasion}", at=work.now),
        )


def described(work: Work, bot_id: str) -> Result:
    """A bot as its commands answer it."""
    bot = work.bot(bot_id)
    if bot.terms is None:
        raise UnknownPaperAccount(paper_account_id=bot.book_id)
    asset = bot.terms.allocation.asset
    allocated = work.book(bot.book_id).owed(bot_account(bot_id), asset)
    is_paper = bot.mode == PAPER
    return {
        "bot_id": bot_id,
        "paper_account_id": bot.book_id if is_paper else "",
        "venue_account_id": "" if is_paper else bot.venue_account,
        "mode": bot.mode,
        "name": bot.terms.name,
        "symbol": bot.terms.symbol,
        "interval": bot.terms.interval,
        "strategy": bot.terms.strategy,
        "status": bot.status,
        "run": bot.run,
        "allocation": str(bot.terms.allocation),
        "allocated": str(allocated),
        "version": work.versions[bot_stream(bot_id)] + len(work.events.get(bot_stream(bot_id), ())),
    }
