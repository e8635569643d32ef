"""Import candle files into the store: all of them, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from application.ports.candle_reader import CandleFile, CandleReader, Problem
from application.ports.candle_store import CandleStore, Series
from domain.errors import InvalidValue
from domain.market import Candle, interval_ms, parse_symbol

Progress = Callable[[int, int], None]
"""Called with (candles so far, candles expected), about every 5,000 candles and at the end."""

_PROGRESS_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A warning with the file it was found in."""

    path: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did. `rows` = added + unchanged + left out."""

    series: Series
    rows: int
    added: int
    unchanged: int  # already stored with equal numbers
    left_out: int  # outside the range that was asked for
    missing: int  # intervals without a candle inside the files
    first_open_time_ms: int | None
    last_open_time_ms: int | None
    warnings: Sequence[FileProblem]  # of each code the first thousand a file; see `warning_counts`
    warning_counts: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class ImportCandles:
    """Read candle files, refuse them if anything in them is wrong, save their candles.

    Idempotent: importing the same files again adds nothing. Resumable: files are saved in one transaction, so
    an import that was interrupted has left nothing and is simply run again.
    Errors: CandleFileRefused (the first file with errors, rows named), CandleConflict (stored or in two files
    with other numbers), InvalidValue (source, symbol or interval neither given nor recognisable). Nothing is
    saved then.
    """

    store: CandleStore
    reader: CandleReader
    monotonic_s: Callable[[], float]  # time.monotonic, for the report's seconds

    def __call__(
        self,
        paths: Sequence[str],
        *,
        source: str | None = None,
        symbol: str | None = None,
        interval: str | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Files of one series, in any order. What is not given is taken from the files and their names."""
        started = self.monotonic_s()
        if not paths:
            raise InvalidValue("paths", "no file to import")
        if interval is not None:
            interval_ms(interval)
        files = []
        for path in paths:
            file = self.reader(path, interval=interval, from_ms=from_ms, until_ms=until_ms)
            file.require_clean()
            files.append(file)
        files.sort(key=lambda file: file.first_open_time_ms or 0)
        series = _series(files, source, symbol)
        expected = sum(len(file.candles) for file in files)
        saved = self.store.save(series, _reported(_all_candles(files), expected, progress))
        warnings, counts = _warnings(files)
        return ImportReport(
            series=series,
            rows=sum(file.rows for file in files),
            added=saved.added,
            unchanged=saved.unchanged,
            left_out=sum(file.left_out for file in files),
            missing=sum(file.missing for file in files),
            first_open_time_ms=min(_known(file.first_open_time_ms for file in files), default=None),
            last_open_time_ms=max(_known(file.last_open_time_ms for file in files), default=None),
            warnings=warnings,
            warning_counts=counts,
            seconds=self.monotonic_s() - started,
        )


def _series(files: Sequence[CandleFile], source: str | None, symbol: str | None) -> Series:
    return Series(
        source=source or _agreed("source", {file.source_guess for file in files}),
        symbol=parse_symbol(symbol or _agreed("symbol", {file.symbol_guess for file in files})),
        interval=_agreed("interval", {file.interval for file in files}),
    )


def _agreed(field: str, found: set[str | None]) -> str:
    """The one value that all files have."""
    known = sorted(value for value in found if value)
    if len(known) > 1:
        raise InvalidValue(field, f"the files have {' and '.join(known)}; import each series by itself")
    if not known or len(found) > 1:
        raise InvalidValue(field, f"not recognisable from the files; pass --{field}")
    return known[0]


def _warnings(files: Sequence[CandleFile]) -> tuple[list[FileProblem], dict[str, int]]:
    warnings = [FileProblem(file.path, problem) for file in files for problem in file.warnings]
    counts: dict[str, int] = {}
    for file in files:
        for code, count in file.counts.items():
            counts[code] = counts.get(code, 0) + count
    for earlier, later in pairwise(files):
        if (later.first_open_time_ms or 0) <= (earlier.last_open_time_ms or 0):
            overlap = Problem(
                None,
                "overlapping_files",
                f"begins before {earlier.path} ends; equal candles count as unchanged",
                "warning",
            )
            warnings.append(FileProblem(later.path, overlap))
            counts["overlapping_files"] = counts.get("overlapping_files", 0) + 1
    return warnings, counts


def _all_candles(files: Sequence[CandleFile]) -> Iterator[Candle]:
    for file in files:
        yield from file.candles


def _reported(candles: Iterator[Candle], expected: int, progress: Progress | None) -> Iterator[Candle]:
    if progress is None:
        yield from candles
        return
    count = 0
    for count, candle in enumerate(candles, 1):
        yield candle
        if count % _PROGRESS_EVERY == 0:
            progress(count, expected)
    progress(count, expected)


def _known(times: Iterator[int | None]) -> Iterator[int]:
    return (time for time in times if time is not None)
