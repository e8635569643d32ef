"""Open a statement: a file, or a text that was sent."""

from __future__ import annotations

from pathlib import Path

from adapters.venue_statements.binance_trades import NAME as BINANCE_TRADES
from adapters.venue_statements.binance_trades import TradeList
from adapters.venue_statements.cells import Options, parse_zone
from adapters.venue_statements.formats import TABLES
from adapters.venue_statements.formats.base import FROM_OUTSIDE, WALLET
from adapters.venue_statements.sources import Source
from adapters.venue_statements.tables import TableStatement, open_table
from domain.errors import InvalidValue

NAMES = (*(layout.name for layout in TABLES), BINANCE_TRADES)


def open_statement(
    *,
    path: str | None = None,
    text: str | None = None,
    name: str = "",
    file_format: str | None = None,
    zone: str | None = None,
    fiat: str | None = None,
) -> TableStatement | TradeList:
    """A statement from a file, plain or gzip, or from a text. Close it.

    The format is found out where it is not given. Errors: StatementUnreadable, OSError, and InvalidValue for
    options that are none.
    """
    options = Options(parse_zone(zone), fiat)
    if fiat not in (None, WALLET, FROM_OUTSIDE):
        raise InvalidValue("fiat", f"{fiat!r} is neither {WALLET} nor {FROM_OUTSIDE}")
    if file_format not in (None, *NAMES):
        raise InvalidValue("format", f"{file_format!r} is not one of {', '.join(NAMES)}")
    source = Source.of_file(Path(path)) if path is not None else Source.of_text(name, text or "")
    try:
        source.stream.seek(0)
        if source.stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            if file_format not in (None, BINANCE_TRADES):
                raise InvalidValue("format", f"{source.name} is JSON, as {BINANCE_TRADES} is alone")
            return TradeList(source)
        if file_format == BINANCE_TRADES:
            raise InvalidValue("format", f"{source.name} is no JSON list, as {BINANCE_TRADES} are")
        return open_table(source, file_format, options)
    except BaseException:
        source.close()
        raise
