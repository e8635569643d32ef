"""Bots: created, started, paused, resumed, stopped, given funds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from application.bots.manage_bots import (
    AllocateToBot,
    CreateBot,
    DeallocateFromBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from application.live.modes import ChangeBotMode
from application.live.shown import preflight_from_answer
from application.live.venue_bots import CreateVenueBot
from application.ports.candle_store import Series
from application.ports.commands import Command, derived_id
from application.ports.step_up import mode_act
from application.queries.asset_codes import purse_of
from application.queries.books import newest_open_paper_book
from application.queries.bot_warnings import BotWarnings
from application.queries.starting_points import after_candle
from application.queries.trading import bot_from_answer
from application.streams import bot_stream
from domain.bots.bot import Bot
from domain.bots.errors import UnknownBot
from domain.bots.events import BotTerms
from domain.errors import InvalidValue
from domain.ledger.book import LIVE, PAPER
from domain.money import ZERO, Money, parse_positive_amount
from entrypoints.operations.desk import ACTOR, Arguments, Operation, OperatorDesk, money

PAPER_VENUE = "paper"
CLI = "cli"


def create(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    owner_id = desk.user(arguments)
    venue_account = arguments.get("venue_account")
    if venue_account and arguments.get("paper_account"):
        raise InvalidValue("paper-account", "a bot has a paper account or a venue account; leave one out")
    named = arguments.get("paper_account") or newest_open_paper_book(desk.services.views, owner_id)
    symbol = arguments["symbol"]
    quote = symbol.partition("/")[2]
    purse = LIVE if venue_account else PAPER
    allocation = money(arguments["allocation"], "allocation", purse) if arguments.get("allocation") else None
    limit = arguments.get("max_order_notional")
    terms = BotTerms(
        name=arguments["name"] or f"{arguments['strategy']} on {symbol}",
        strategy=arguments["strategy"],
        parameters=dict(arguments["parameters"]),
        venue=PAPER_VENUE,
        symbol=symbol,
        interval=arguments["interval"],
        source=arguments["source"],
        allocation=allocation or Money(ZERO, quote),
        max_order_notional=parse_positive_amount(limit, "max-order-notional") if limit else None,
        stop_loss_bps=arguments.get("stop_loss_bps"),
        take_profit_bps=arguments.get("take_profit_bps"),
        trailing_stop_bps=arguments.get("trailing_stop_bps"),
    )
    warnings = BotWarnings(desk.services.candles, desk.services.live_sources)
    told = warnings(Series(terms.source, symbol, terms.interval))
    if venue_account:
        on_venue = CreateVenueBot(
            bot_id=derived_id("bot", desk.operation_id),
            owner_id=owner_id,
            venue_account_id=venue_account,
            terms=terms,
            asked_from=CLI,
        )
        return _led(desk, on_venue, told)
    command = CreateBot(
        bot_id=derived_id("bot", desk.operation_id),
        owner_id=owner_id,
        book_id=named or derived_id("paper", desk.operation_id),
        book_is_new=not named,
        terms=terms,
    )
    made = _led(desk, command, told)
    desk.services.paper_accounts.make_venue_follow(command.book_id)
    return made


def start(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    after = after_candle(desk.services, bot.bot_id, arguments.get("start_from"), resuming=False)
    return _led(desk, StartBot(bot.bot_id, bot.owner_id, after))


def resume(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    after = after_candle(desk.services, bot.bot_id, None, resuming=True)
    return _led(desk, ResumeBot(bot.bot_id, bot.owner_id, after))


def pause(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    return _led(desk, PauseBot(bot.bot_id, bot.owner_id, arguments["reason"]))


def stop(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    return _led(desk, StopBot(bot.bot_id, bot.owner_id, arguments["reason"]))


def allocate(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    amount = money(arguments["amount"], "amount", purse_of(bot.mode))
    allocation_id = derived_id("allocation", desk.operation_id)
    if arguments.get("take_back"):
        return _led(desk, DeallocateFromBot(bot.bot_id, bot.owner_id, amount, allocation_id))
    return _led(desk, AllocateToBot(bot.bot_id, bot.owner_id, amount, allocation_id))


def preflight(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    bot = _bot(desk, arguments)
    outcome = desk.services.preflights(bot.bot_id, bot.owner_id, arguments["mode"], desk.caller())
    return asdict(preflight_from_answer(outcome.unwrap()))


def change_mode(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    """For LIVE with its owner's password, which proves that they are here."""
    bot = _bot(desk, arguments)
    to_mode, reason, named = arguments["mode"], arguments["reason"], arguments["preflight"] or ""
    proof = None
    if arguments.get("password") is not None:
        proof = desk.services.step_up.prove(
            account_id=bot.owner_id,
            session_sha256=desk.operation_id,
            password=arguments["password"],
            act_sha256=mode_act(bot.bot_id, to_mode, named, reason),
            address=CLI,
        )
    command = ChangeBotMode(
        bot_id=bot.bot_id,
        owner_id=bot.owner_id,
        to_mode=to_mode,
        reason=reason,
        by=bot.owner_id if proof else ACTOR,
        asked_from=CLI,
        preflight_id=named,
        step_up=proof,
    )
    return _led(desk, command)


def _led(desk: OperatorDesk, command: Command, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """The bot as the API answers it, and the command's log position."""
    answer = desk.run(command)
    position = answer.pop("position")
    return {**asdict(bot_from_answer({**answer, "warnings": warnings})), "position": position}


def _bot(desk: OperatorDesk, arguments: Arguments) -> Bot:
    """Any owner's bot, for an operator; of the named user's only where one is named."""
    bot: Bot = desk.services.log.load(bot_stream(arguments["bot_id"])).state
    if not bot.exists or (arguments.get("user") and bot.owner_id != desk.user(arguments)):
        raise UnknownBot(bot_id=arguments["bot_id"])
    return bot


OPERATIONS: dict[str, Operation] = {
    "bots.create": create,
    "bots.start": start,
    "bots.pause": pause,
    "bots.resume": resume,
    "bots.stop": stop,
    "bots.allocate": allocate,
    "bots.preflight": preflight,
    "bots.mode": change_mode,
}
