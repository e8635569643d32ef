"""`evenkeel serve`, `api`, `worker`, `projector`, `sealer`: what keeps running."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrypoints.cli import options
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.cli.session import named_settings

if TYPE_CHECKING:
    from entrypoints.demo_account import DemoAccount
    from entrypoints.settings import Settings

Host = Annotated[str | None, typer.Option("--host", help="Address of the API. Default: 127.0.0.1")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port of the API; 0: any free one.")
]
MetricsPort = Annotated[
    int | None, typer.Option("--metrics-port", min=0, max=65535, help="Port of the metrics; 0: any free one.")
]
LogFormat = Annotated[
    str | None, typer.Option("--log-format", metavar="json|console", help="console: on a terminal only.")
]
LogLevel = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning, error.")
]


@app.command()
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="With a demo account whose bot trades.")] = False,
    candles: Annotated[
        Path | None,
        typer.Option(
            "--candles", exists=True, dir_okay=False, help="The demo trades these, not synthetic ones."
        ),
    ] = None,
    host: Host = None,
    port: Port = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    database_url: options.DatabaseUrl = None,
    as_json: options.Json = False,
) -> None:
    """Run everything in one process: API, bots, read models. Stops at SIGTERM or Ctrl-C, in order.

    A new database gets its tables. Logs go to standard error.

    Examples: `evenkeel serve`, `evenkeel serve --demo --port 8080`
    """
    from entrypoints.cli.banner import for_machines, for_people
    from entrypoints.serve import run

    output = Output(as_json=as_json)
    if demo and log_format is None and "EVENKEEL_LOG_FORMAT" not in os.environ and sys.stderr.isatty():
        log_format = "console"
    settings = _settings(database_url, host, port, metrics_port, log_format, log_level)
    if demo and candles is not None and "EVENKEEL_REPLAY_SPEED" not in os.environ:
        settings = settings.model_copy(update={"replay_speed": "10/s"})

    def banner(address: str, metrics: int, account: DemoAccount | None) -> None:
        output.value(for_machines(address, metrics, settings, account))
        for line in for_people(address, metrics, settings, account):
            output.say(line)

    run(settings, demo=demo, candles=candles, banner=banner)
    output.say("stopped; nothing is lost: start again and everything goes on where it was")


@app.command()
def api(
    host: Host = None,
    port: Port = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Run the API alone, on PostgreSQL, beside `worker` and `projector`. Any number may run.

    Example: `evenkeel api --database-url postgresql://evenkeel@db/evenkeel --host 0.0.0.0`
    """
    from entrypoints.api import run

    run(_settings(database_url, host, port, metrics_port, log_format, log_level))


@app.command()
def worker(
    metrics_port: MetricsPort = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Run bots and deliver messages. Any number may run: a bot runs in one of them at a time.

    Example: `evenkeel worker --database-url postgresql://evenkeel@db/evenkeel`
    """
    from entrypoints.worker import run

    run(_settings(database_url, None, None, metrics_port, log_format, log_level))


@app.command()
def projector(
    metrics_port: MetricsPort = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Fold the log into the read models. One is enough; a second one waits its turn.

    Example: `evenkeel projector --database-url postgresql://evenkeel@db/evenkeel`
    """
    from entrypoints.projector import run

    run(_settings(database_url, None, None, metrics_port, log_format, log_level))


@app.command()
def sealer(
    metrics_port: MetricsPort = None,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    database_url: options.DatabaseUrl = None,
) -> None:
    """Seal the log every second and sign checkpoints. One is enough; it alone needs the signing key.

    Example: `evenkeel sealer --database-url postgresql://evenkeel@db/evenkeel`
    """
    from entrypoints.sealer import run

    run(_settings(database_url, None, None, metrics_port, log_format, log_level))


def _settings(
    database_url: str | None,
    host: str | None,
    port: int | None,
    metrics_port: int | None,
    log_format: str | None,
    log_level: str | None,
) -> Settings:
    return named_settings(
        database_url,
        http_host=host,
        http_port=port,
        metrics_port=metrics_port,
        log_format=log_format,
        log_level=log_level,
    )
