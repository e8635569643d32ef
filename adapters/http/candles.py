"""Stored candles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from adapters.http.access import signed_in
from adapters.http.desk import Desk
from adapters.http.edge import PageOf
from adapters.http.problems import Problem
from application.ports.candle_store import Series
from domain.errors import InvalidValue
from domain.market import interval_ms, parse_symbol
from domain.money import text

_LATEST_MS = 253_402_300_799_000  # the end of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    source: str
    symbol: str
    interval: str
    candles: int
    first_open_time_ms: int
    last_open_time_ms: int
    missing: int
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleView:
    open_time_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlePage:
    """Oldest first. `next_from` continues; null at the end."""

    source: str
    symbol: str
    interval: str
    items: list[CandleView]
    next_from: int | None


class CandlesController(Controller):
    """Candle times are their opens."""

    path = "/v1/candles"
    tags = ("Candles",)

    @get(guards=[signed_in], summary="Which series are stored")
    async def series(self, desk: NamedDependency[Desk]) -> PageOf[SeriesView]:
        found = await desk.read(desk.services.candles.series)
        return PageOf(
            [
                SeriesView(
                    source=item.series.source,
                    symbol=item.series.symbol,
                    interval=item.series.interval,
                    candles=item.candles,
                    first_open_time_ms=item.first_open_time_ms,
                    last_open_time_ms=item.last_open_time_ms,
                    missing=item.missing,
                    live=item.series.source in desk.services.live_sources,
                )
                for item in found
            ]
        )

    @get("/{source:str}/{symbol:path}", guards=[signed_in], summary="Candles of one series, oldest first")
    async def candles(
        self,
        source: FromPath[str],
        symbol: FromPath[str],
        desk: NamedDependency[Desk],
        interval: Annotated[str, QueryParameter(description="1h, 1d, …")],
        from_time: Annotated[
            str | None, QueryParameter(name="from", description="First open: ms or RFC 3339", required=False)
        ] = None,
        until: Annotated[
            str | None, QueryParameter(description="Opens before: ms or RFC 3339", required=False)
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    ) -> CandlePage:
        series = Series(source, parse_symbol(symbol.strip("/")), interval)
        interval_ms(interval)
        from_ms, until_ms = _ms(from_time, "from"), _ms(until, "until")

        def look() -> CandlePage:
            services = desk.services
            if source not in services.live_sources and all(
                item.series != series for item in services.candles.series()
            ):
                raise Problem("unknown_series", f"no candles of {series.source} {series.symbol} {interval}")
            found = list(islice(services.candles.read(series, from_ms=from_ms, until_ms=until_ms), limit + 1))
            items = [
                CandleView(
                    open_time_ms=candle.open_time_ms,
                    open=text(candle.open),
                    high=text(candle.high),
                    low=text(candle.low),
                    close=text(candle.close),
                    volume=text(candle.volume),
                )
                for candle in found[:limit]
            ]
            more = found[limit].open_time_ms if len(found) > limit else None
            return CandlePage(
                source=source, symbol=series.symbol, interval=interval, items=items, next_from=more
            )

        return await desk.read(look)


def _ms(raw: str | None, field: str) -> int | None:
    if raw is None:
        return None
    if raw.isascii() and raw.isdecimal() and len(raw) < 16:
        return min(int(raw), _LATEST_MS)
    try:
        moment = datetime.fromisoformat(raw)
        if moment.tzinfo is not None:
            return int(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):  # beyond the years that there are
        pass
    raise InvalidValue(
        field, f"{raw!r} is neither UTC milliseconds nor a time such as '2026-03-01T00:00:00Z'"
    )
