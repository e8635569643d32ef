"""`evenkeel simulator`: an exchange to rehearse on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrypoints.cli import options
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.cli.session import named_settings

if TYPE_CHECKING:
    from adapters.simulator.server.venue import Venue
    from adapters.simulator.simulator import Options


@app.command()
def simulator(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 8700,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the prices and of random faults.")] = 0,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            dir_okay=False,
            help="Default: simulator.journal in EVENKEEL_DATA_DIR.",
        ),
    ] = None,
    symbols: Annotated[
        str, typer.Option("--symbols", help="BTCUSDT, ETHUSDT, BNBUSDT, SOLUSDT, ETHBTC.")
    ] = "BTCUSDT,ETHUSDT,BNBUSDT",
    accounts: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="KEY:SECRET:BTC=1,USDT=10000", help="May be given more than once."),
    ] = None,
    candles: Annotated[
        list[str] | None,
        typer.Option(
            "--candles", metavar="[SYMBOL=]FILE", help="Prices follow these instead of a random walk."
        ),
    ] = None,
    speed: Annotated[str, typer.Option("--speed", help="Seconds of market time a second.")] = "1",
    still: Annotated[
        bool, typer.Option("--still", help="Prices move only when the control API moves them.")
    ] = False,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", metavar="KIND[:NAME=VALUE,…]", help="Such as drop_after:on=place,probability=0.1"
        ),
    ] = None,
    skew_ms: Annotated[
        int, typer.Option("--skew-ms", help="How wrong the exchange's clock is; negative: behind.")
    ] = 0,
    weight_limit: Annotated[
        int, typer.Option("--weight-limit", min=1, help="Request weight a minute before 429.")
    ] = 6_000,
    order_limit: Annotated[
        int, typer.Option("--order-limit", min=1, help="Orders an account may place in ten seconds.")
    ] = 100,
    expose: Annotated[
        bool, typer.Option("--expose", help="Allow a --host that others can reach; /control stays local.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a simulated exchange with a market of its own, to rehearse LIVE trading against. No real money.

    Its journal is the truth, and survives being killed: the next start goes on where it was. Fault dials are
    set with --fault or at any time under /control (docs/simulator.md). Stops at SIGTERM or Ctrl-C, in order.

    Examples: `evenkeel simulator`, `evenkeel simulator --still --account k:s:USDT=1000 --fault slow:ms=500`
    """
    from entrypoints.simulator import Wanted, judged, run

    output = Output(as_json=as_json)
    where = journal or named_settings(None).data_dir / "simulator.journal"
    wanted = Wanted(
        host=host,
        port=port,
        seed=seed,
        journal=where,
        symbols=symbols,
        accounts=accounts or [],
        candles=candles or [],
        speed=speed,
        still=still,
        faults=faults or [],
        skew_ms=skew_ms,
        weight_limit=weight_limit,
        order_limit=order_limit,
        expose=expose,
    )
    judged_options = judged(wanted)
    where.parent.mkdir(parents=True, exist_ok=True)

    with output.progress("journal, then requests") as progress:

        def started(venue: Venue, address: str) -> None:
            output.value(_for_machines(venue, address))
            for line in _for_people(venue, address, judged_options):
                output.say(line)

        run(wanted, judged_options, started=started, progress=progress)
    output.say("stopped; nothing is lost: start again with the same journal and everything goes on")


def _for_machines(venue: Venue, address: str) -> dict[str, Any]:
    return {
        "address": address,
        "setting": f"EVENKEEL_SIMULATORS=simulator={address}",
        "control": f"{address}/control/state",
        "journal": str(venue.journal.path),
        "symbols": list(venue.exchange.symbols),
        "keys": [
            {"account": key.account, "key": key.key, "secret": key.secret}
            for key in venue.exchange.keys.values()
        ],
    }


def _for_people(venue: Venue, address: str, judged_options: Options) -> list[str]:
    prices = "stand still until /control moves them"
    if judged_options.market is not None:
        prices = f"move by themselves, seed {venue.seed}, {judged_options.market.speed} s a second"
    return [
        "",
        f"The simulated exchange is at   {address}",
        f"  symbols                      {', '.join(venue.exchange.symbols)}; prices {prices}",
        f"  journal                      {venue.journal.path} ({venue.journal.lines} lines)",
        f"  control                      {address}/control/state",
        *(
            f"  key and secret of {key.account:10} {key.key}  {key.secret}"
            for key in venue.exchange.keys.values()
        ),
        "",
        "To trade on it, start the platform in a second terminal with",
        "",
        f"  EVENKEEL_SIMULATORS=simulator={address} evenkeel serve",
        "",
        "Ctrl-C stops; the next start goes on where it was.",
        "",
    ]
