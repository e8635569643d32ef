"""`evenkeel demo`: the main job on one file of candles, audited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from application.queries.asset_codes import shown_asset
from domain.money import parse_positive_amount, text
from entrypoints.cli import options, paper_terms
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.cli.session import command_settings
from entrypoints.plain import plain
from entrypoints.problems import CheckFailed

if TYPE_CHECKING:
    from application.demo import DemoResult


@app.command()
@paper_terms.as_options
def demo(
    *,
    candles: Annotated[
        Path,
        typer.Option(
            "--candles", metavar="FILE", exists=True, dir_okay=False, help="CSV, gz, zip or Parquet."
        ),
    ],
    symbol: Annotated[
        str | None, typer.Option(help="Pair; default: from the file's name, else BASE/QUOTE.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="Default: from the candles.")] = None,
    cash: Annotated[str, typer.Option(help="What the bot starts with, in quote.")] = "10000",
    fast: Annotated[int, typer.Option(help="Span of the fast average, in candles.")] = 12,
    slow: Annotated[int, typer.Option(help="Span of the slow average, in candles.")] = 26,
    terms: paper_terms.Terms,
    force_close: Annotated[bool, typer.Option("--force-close", help="Sell what is left at the end.")] = False,
    database_url: options.DurableDatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Register, fund, create and start an EMA crossover bot, run it on every candle, audit the books.

    Without --database-url it runs on a throwaway SQLite file with synchronous=OFF, which is gone
    afterwards; with it every step is durable, and a demo that was interrupted resumes where it was.
    Exit code 1 unless the trial balance is zero, the chain holds and a rebuild is identical.

    Examples: `evenkeel demo --candles binance_BTCUSDT_1h.csv.gz`,
    `evenkeel demo --candles candles.csv --symbol ETH/BTC --fill close --fee-asset received --json`
    """
    from entrypoints.demo_run import DemoOrder, run_demo

    output = Output(as_json=as_json)
    order = DemoOrder(
        candles=candles,
        symbol=symbol,
        interval=interval,
        cash=parse_positive_amount(cash, "cash"),
        parameters={"fast": str(fast), "slow": str(slow)},
        terms=terms,
        force_close=force_close,
    )
    settings = command_settings(database_url)
    with output.progress("candles") as progress:
        result, asked = run_demo(order, settings, throwaway=database_url is None, progress=progress)
    output.value(_for_machines(result))
    where = "a throwaway SQLite file, synchronous=OFF: not durable"
    _show(output, result, asked.symbol, where if database_url is None else "the named database: durable")
    if not result.balances_and_checks_hold:
        raise CheckFailed


def _for_machines(result: DemoResult) -> dict[str, Any]:
    shown: dict[str, Any] = plain(result)
    return {
        "candles": result.candles,
        "signals": result.signals,
        "orders": result.orders,
        "fills": result.fills,
        "fees": {shown_asset(asset): amount for asset, amount in shown["fees"].items()},
        "profit": shown["profit"],
        "buy_and_hold": shown["buy_and_hold"],
        "trial_balance": {shown_asset(asset): total for asset, total in shown["trial_balance"].items()},
        "chain_verified": result.chain_verified,
        "rebuild_identical": result.rebuild_identical,
        "seconds": {name: round(seconds, 6) for name, seconds in result.seconds.items()},
        "trades_closed": result.trades_closed,
        "funding": shown["funding"],
        "equity": shown["equity"],
        "log_events": result.log_events,
        "open_at_end": result.open_at_end,
        "conventions": shown["conventions"],
    }


def _show(output: Output, result: DemoResult, symbol: str, where: str) -> None:
    quote = shown_asset(symbol.partition("/")[2])
    hold_profit = result.buy_and_hold - result.funding
    output.say(f"EMA crossover on {symbol}, paper money, on {where}")
    output.say()
    output.facts(
        {
            "candles": f"{result.candles}",
            "signals": f"{result.signals}",
            "orders": f"{result.orders}",
            "fills": f"{result.fills}; {result.trades_closed} trades closed, left open: {result.open_at_end}",
            "fees": {shown_asset(asset): text(amount) for asset, amount in result.fees.items()},
            "equity": f"{_rounded(result.equity)} {quote}, from {text(result.funding)}",
            "profit": f"{_rounded(result.profit)} {quote}; buying and holding: {_rounded(hold_profit)}",
        }
    )
    output.say()
    unbalanced = any(result.trial_balance.values())
    output.facts(
        {
            "trial balance": {
                shown_asset(asset): text(amount) for asset, amount in sorted(result.trial_balance.items())
            },
            "books": "OUT OF BALANCE" if unbalanced else "balance to zero in every asset",
            "chain verified": f"yes, {result.log_events} events"
            if result.chain_verified
            else f"NO: {result.chain_problem}",
            "rebuild identical": "yes" if result.rebuild_identical else f"NO: {result.rebuild_difference}",
            "seconds": {name: f"{seconds:.2f}" for name, seconds in result.seconds.items()},
        }
    )
    output.say()
    output.say("conventions")
    output.facts(result.conventions)


def _rounded(amount: Any) -> str:
    return text(round(amount, 8))
