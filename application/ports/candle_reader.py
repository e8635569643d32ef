"""Candle files as people and venues leave them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from domain.errors import DomainError
from domain.market import Candle

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing found in a candle file. An error refuses the file; a warning is reported and it is read."""

    row: int | None  # as a person counts: from 1, the header included; None where it is the whole file
    code: str
    message: str
    severity: Severity

    def __str__(self) -> str:
        where = "the file" if self.row is None else f"row {self.row}"
        return f"{where}: {self.message} [{self.code}]"


class CandleFileRefused(DomainError, code="candle_file_refused"):
    """A candle file has errors. Nothing of it was kept; mend the file or leave the rows out by time range."""

    SHOWN = 20

    def __init__(self, *, path: str, errors: Sequence[Problem], count: int) -> None:
        shown = errors[: self.SHOWN]
        more = f"\n… and {count - len(shown)} more" if count > len(shown) else ""
        counted = "1 error" if count == 1 else f"{count} errors"
        super().__init__(f"{path}: {counted}\n" + "\n".join(map(str, shown)) + more)
        self.path, self.count = path, count
        self.rows = ", ".join(str(problem.row) for problem in shown if problem.row is not None)
        self.first = "; ".join(map(str, shown))
        self._problems = tuple(shown)

    @property
    def problems(self) -> Sequence[Problem]:
        """The first errors, in the order of their rows."""
        return self._problems


class Candles(Protocol):
    """Candles to go through any number of times; each pass reads them again, none is held in memory."""

    def __iter__(self) -> Iterator[Candle]: ...

    def __len__(self) -> int: ...


class CandleFile(Protocol):
    """A candle file that was read to its end and judged."""

    @property
    def path(self) -> str: ...

    @property
    def interval(self) -> str:
        """ "1h"; empty only beside an error that says it could not be told."""
        ...

    @property
    def symbol_guess(self) -> str | None:
        """ "BTC/USDT", from a symbol column or the file's name."""
        ...

    @property
    def source_guess(self) -> str | None:
        """ "binance", from the file's name."""
        ...

    @property
    def rows(self) -> int:
        """Rows of data, whatever was found in them; the header is none."""
        ...

    @property
    def left_out(self) -> int:
        """Rows outside the time range that was asked for."""
        ...

    @property
    def missing(self) -> int:
        """Intervals between the first and the last candle without one, all gaps together."""
        ...

    @property
    def first_open_time_ms(self) -> int | None: ...

    @property
    def last_open_time_ms(self) -> int | None: ...

    @property
    def problems(self) -> Sequence[Problem]:
        """By row; of each code the first 1,000. `counts` has all of them."""
        ...

    @property
    def errors(self) -> Sequence[Problem]: ...

    @property
    def warnings(self) -> Sequence[Problem]: ...

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each problem code was found."""
        ...

    @property
    def candles(self) -> Candles:
        """The candles, oldest first. Going through them raises CandleFileRefused where there are errors."""
        ...

    def require_clean(self) -> None:
        """Raises CandleFileRefused where there are errors; warnings pass."""
        ...


class CandleReader(Protocol):
    """Reads one candle file to its end and names all that is wrong with it; it never mends anything.

    Units: from_ms <= open time < until_ms, UTC milliseconds; rows outside are left out and counted.
    Errors: OSError where the file cannot be opened. What is wrong inside it is in `problems`.
    """

    def __call__(
        self,
        path: str,
        *,
        interval: str | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
    ) -> CandleFile: ...
