"""`evenkeel data`: candles in the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import InvalidValue
from entrypoints.cli import options
from entrypoints.cli.app import group
from entrypoints.cli.output import Output
from entrypoints.cli.session import reading, writing

data = group("Candles: import them from files, download them from venues, see what is stored.")

Symbol = Annotated[str | None, typer.Option(help="Pair as BASE/QUOTE, such as BTC/USDT.")]
Interval = Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d, …")]
Source = Annotated[str | None, typer.Option(help="Where they come from, such as binance.")]
Moment = Annotated[str | None, typer.Option(metavar="DATE", help="2024-01-31 or 2024-01-31T12:00:00Z (UTC).")]


@data.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="CSV, .csv.gz, .zip or parquet; one series."),
    ],
    symbol: Symbol = None,
    interval: Interval = None,
    source: Source = None,
    since: Moment = None,
    until: Moment = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Import candle files: all of them, or nothing where a row is wrong.

    What is wrong is named by file and row, never mended. Symbol, interval and source are taken from the files
    and their names where they are not given.

    Example: `evenkeel data import binance_BTCUSDT_1h_2024.csv.gz`
    """
    output = Output(as_json=as_json)
    arguments = {
        "paths": [str(path.absolute()) for path in files],
        "symbol": symbol,
        "interval": interval,
        "source": source,
        **_range(since, until),
    }
    report = writing("data.import", arguments, database_url, output, what="importing")
    output.value(report)
    _say_series(output, report["series"])
    output.facts({name: report[name] for name in ("rows", "added", "unchanged", "left_out", "missing")})
    for warning in report["warnings"][:20]:
        output.say(f"warning: {warning}")
    if len(report["warnings"]) > 20:
        output.say(f"… {len(report['warnings']) - 20} more warnings; --json lists them")


@data.command()
def download(
    exchange: Annotated[str, typer.Argument(help="A venue by its ccxt name, such as binance.")],
    symbol: Annotated[str, typer.Argument(help="Pair as BASE/QUOTE.")],
    interval: Annotated[str, typer.Argument(help="1m, 5m, 1h, 1d, …")],
    since: Annotated[str, typer.Option(metavar="DATE", help="From then on (UTC).")],
    until: Moment = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Download closed candles from a venue's public data, where the last download stopped.

    Example: `evenkeel data download kraken BTC/EUR 1h --since 2024-01-01`
    """
    output = Output(as_json=as_json)
    arguments = {
        "exchange": exchange,
        "symbol": symbol,
        "interval": interval,
        **_range(since, until),
    }
    report = writing("data.download", arguments, database_url, output, what="downloading")
    output.value(report)
    _say_series(output, report["series"])
    output.facts({name: report[name] for name in ("added", "already_stored", "missing")})


@data.command("list")
def list_series(database_url: options.DatabaseUrl = None, as_json: options.Json = False) -> None:
    """Show which candles are stored.

    Example: `evenkeel data list`
    """
    output = Output(as_json=as_json)
    with reading(database_url) as core:
        rows = [
            {
                "source": summary.series.source,
                "symbol": summary.series.symbol,
                "interval": summary.series.interval,
                "candles": summary.candles,
                "first": _time(summary.first_open_time_ms),
                "last": _time(summary.last_open_time_ms),
                "missing": summary.missing,
            }
            for summary in core.services.candles.series()
        ]
    output.value(rows)
    output.table(
        rows,
        ("source", "symbol", "interval", "candles", "first", "last", "missing"),
        empty="no candles are stored; `evenkeel data import` and `data download` bring some",
    )


def _say_series(output: Output, series: dict[str, str]) -> None:
    output.say(f"{series['source']} {series['symbol']} {series['interval']}")


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _range(since: str | None, until: str | None) -> dict[str, int | None]:
    """Raises InvalidValue where there can be no candle in it."""
    from_ms, until_ms = _milliseconds(since, "since"), _milliseconds(until, "until")
    if from_ms is not None and until_ms is not None and from_ms >= until_ms:
        raise InvalidValue("until", f"{until} is not after {since}, which is given as since")
    if from_ms is not None and from_ms > datetime.now(UTC).timestamp() * 1000:
        raise InvalidValue("since", f"{since} is in the future: no candle has closed there")
    return {"from_ms": from_ms, "until_ms": until_ms}


def _milliseconds(raw: str | None, field: str) -> int | None:
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise InvalidValue(field, f"{raw!r} is no date; write 2024-01-31 or 2024-01-31T12:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
