"""What keeps a bot from trading although nothing was wrong with the request."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from application.ports.candle_store import CandleStore, Series


@dataclass(frozen=True, slots=True)
class BotWarnings:
    """Problems of a bot's surroundings, each with its way out."""

    candles: CandleStore
    live_sources: AbstractSet[str]
    _found: set[Series] = field(default_factory=set, init=False, repr=False)  # stored candles stay stored

    def __call__(self, series: Series) -> list[str]:
        """Empty when there are candles, or will be. Blocks."""
        if series.source in self.live_sources or self._has_candles(series):
            return []
        pair = f"{series.source} {series.symbol} {series.interval}"
        live = ", ".join(sorted(self.live_sources))
        return [
            f"there are no candles of {pair}, and {series.source} is not followed live: the bot will wait "
            "until some are stored. Import a file (evenkeel data import FILE) or download them "
            f"(evenkeel data download {pair}); GET /v1/candles and evenkeel data list show what is stored"
            + (f", and these sources are live: {live}" if live else "")
        ]

    def _has_candles(self, series: Series) -> bool:
        if series not in self._found and next(iter(self.candles.read(series)), None) is not None:
            self._found.add(series)
        return series in self._found
