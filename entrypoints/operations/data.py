"""Candles: imported from files, downloaded from venues."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Any

from entrypoints.operations.desk import Arguments, Operation, OperatorDesk


def import_files(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    report = desk.import_candles(
        arguments["paths"],
        source=arguments.get("source"),
        symbol=arguments.get("symbol"),
        interval=arguments.get("interval"),
        from_ms=arguments.get("from_ms"),
        until_ms=arguments.get("until_ms"),
        progress=desk.progress,
    )
    return {**asdict(report), "warnings": [str(warning) for warning in report.warnings]}


def download(desk: OperatorDesk, arguments: Arguments) -> dict[str, Any]:
    downloading = desk.download_candles(arguments["exchange"])
    with closing(downloading.source):
        report = downloading(
            arguments["symbol"],
            arguments["interval"],
            from_ms=arguments["from_ms"],
            until_ms=arguments.get("until_ms"),
            progress=desk.progress,
        )
    return asdict(report)


OPERATIONS: dict[str, Operation] = {"data.import": import_files, "data.download": download}
