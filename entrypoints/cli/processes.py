"""`evenkeel serve`, `api`, `worker`, `projector`: what keeps running."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.persistence.database import without_password
from entrypoints import api as api_process
from entrypoints import projector as projector_process
from entrypoints import serve as serve_process
from entrypoints import worker as worker_process
from entrypoints.cli import options
from entrypoints.cli.app import app
from entrypoints.cli.output import Output
from entrypoints.demo_account import DemoAccount
from entrypoints.settings import Settings, load_settings

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
    output = Output(as_json=as_json)
    if demo and log_format is None and "EVENKEEL_LOG_FORMAT" not in os.environ and sys.stderr.isatty():
        log_format = "console"
    settings = _settings(database_url, host, port, metrics_port, log_format, log_level)
    if demo and candles is not None and "EVENKEEL_REPLAY_SPEED" not in os.environ:
        settings = settings.model_copy(update={"replay_speed": "10/s"})

    def banner(address: str, metrics: int, account: DemoAccount | None) -> None:
        output.value(_banner_for_machines(address, metrics, settings, account))
        for line in _banner(address, metrics, settings, account):
            output.say(line)

    serve_process.run(settings, demo=demo, candles=candles, banner=banner)
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
    api_process.run(_settings(database_url, host, port, metrics_port, log_format, log_level))


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
    worker_process.run(_settings(database_url, None, None, metrics_port, log_format, log_level))


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
    projector_process.run(_settings(database_url, None, None, metrics_port, log_format, log_level))


def _settings(
    database_url: str | None,
    host: str | None,
    port: int | None,
    metrics_port: int | None,
    log_format: str | None,
    log_level: str | None,
) -> Settings:
    return load_settings(
        database_url=database_url,
        http_host=host,
        http_port=port,
        metrics_port=metrics_port,
        log_format=log_format,
        log_level=log_level,
    )


def _program() -> str:
    """How this command was called: `.venv/bin/evenkeel` where it is not on the PATH."""
    return "evenkeel" if shutil.which("evenkeel") else os.path.relpath(sys.argv[0])


def _banner(address: str, metrics: int, settings: Settings, account: DemoAccount | None) -> list[str]:
    lines = [
        "",
        f"Evenkeel is running at     {address}",
        f"  API in Swagger UI        {address}/schema",
        f"  ready?                   {address}/readyz",
        f"  metrics                  http://{settings.metrics_host}:{metrics}/metrics",
        f"  database                 {without_password(settings.database)}",
    ]
    if account is None:
        return [*lines, "", "Try: evenkeel users create you@example.org · evenkeel doctor · Ctrl-C stops", ""]
    where = "" if settings.database == load_settings().database else f" --database-url {settings.database}"
    synthetic = account.series.source == "synthetic"
    pace = (
        f"{settings.synthetic_candles_per_s:g} a second, generated: no market's" if synthetic else "replayed"
    )
    return [
        *lines,
        "",
        "Sign in with",
        f"  e-mail                   {account.email}",
        f"  password                 {account.password}",
        f"  (kept in                 {account.sign_in_file})",
        "",
        f"Its bot {account.bot_id} trades paper money on",
        f"  {account.series.source} {account.series.symbol} {account.series.interval} candles, {pace}.",
        "  The first trades come within a minute or so. In a second terminal, try:",
        "",
        f"  {_program()} bots performance {account.bot_id}{where}",
        f"  {_program()} bots fills {account.bot_id}{where}",
        f"  {_program()} ledger trial-balance{where}",
        f"  {_program()} log verify{where}",
        f'  {_program()} kill-switch engage --reason "just trying"{where}',
        "",
        "Ctrl-C stops; the next start goes on where it was.",
        "",
    ]


def _banner_for_machines(
    address: str, metrics: int, settings: Settings, account: DemoAccount | None
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "address": address,
        "swagger_ui": f"{address}/schema",
        "metrics": f"http://{settings.metrics_host}:{metrics}/metrics",
        "database": without_password(settings.database),
    }
    if account is not None:
        shown["demo"] = {
            "email": account.email,
            "password": account.password,
            "bot_id": account.bot_id,
            "source": account.series.source,
        }
    return shown
