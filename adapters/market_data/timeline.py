"""The open times of a file, row by row: their interval, order, gaps and duplicates."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import lt, sub

from adapters.market_data.cells import show_time
from adapters.market_data.findings import Findings
from domain.market import INTERVALS_MS, interval_name

UNREADABLE, LEFT_OUT, BLANK = -1, -2, -3
"""Stand in a row's place where it has no time to judge."""

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Timeline:
    interval: str  # empty where it could not be told
    missing: int
    first_ms: int | None
    last_ms: int | None
    duplicates: Sequence[tuple[int, int]]  # (a row, an earlier row of the same time), as indices


def judge_times(
    times: array[int], head_rows: int, interval: str | None, named: str | None, findings: Findings
) -> Timeline:
    """`interval` was asked for, `named` stands in the file's name; neither: the most common step decides."""
    kept, blamed, duplicates = _in_order(times, head_rows, findings)
    steps = Counter(map(sub, islice(_times_at(times, kept), 1, None), _times_at(times, kept)))
    name = _interval(steps, interval, named, findings)
    first, last = (times[kept[0]], times[kept[-1]]) if kept else (None, None)
    missing = 0
    if name and kept:
        step = INTERVALS_MS[name]
        shift = _shift(times, kept, step, findings)
        if shift or any(length % step for length in steps):
            _report_off_grid(times, kept, step, shift, head_rows, findings)
        if set(steps) != {step}:
            missing = _report_gaps(times, kept, blamed, step, head_rows, findings)
    return Timeline(name, missing, first, last, duplicates)


def _times_at(times: array[int], kept: Sequence[int]) -> Sequence[int]:
    return times if isinstance(kept, range) else [times[index] for index in kept]


def _in_order(
    times: array[int], head_rows: int, findings: Findings
) -> tuple[Sequence[int], set[int], list[tuple[int, int]]]:
    """The rows whose times rise, those that break the order, and the duplicates; all as indices."""
    if times and min(times) > 0 and all(map(lt, times, islice(times, 1, None))):
        return range(len(times)), set(), []
    readable = [index for index, time in enumerate(times) if time > 0]
    if len(readable) > 1 and all(times[b] < times[a] for a, b in pairwise(readable)):
        findings.error(
            readable[1] + head_rows + 1,
            "newest_first",
            "the file runs from the newest candle to the oldest; sort its rows by time, oldest first",
        )
        return readable[::-1], set(), []
    seen: dict[int, int] = {}
    kept: list[int] = []
    blamed = {index for index, time in enumerate(times) if time == UNREADABLE}
    duplicates: list[tuple[int, int]] = []
    for position, index in enumerate(readable):
        time = times[index]
        if time in seen:
            duplicates.append((index, seen[time]))
            blamed.add(index)
            continue
        seen[time] = index
        if kept and time < times[kept[-1]]:
            following = times[readable[position + 1]] if position + 1 < len(readable) else None
            wrong, beside = index, kept[-1]
            if _stands_out(times, kept, time, following):
                wrong, beside = kept.pop(), index
                del seen[times[wrong]]
            findings.error(
                wrong + head_rows + 1,
                "out_of_order",
                f"{show_time(times[wrong])} does not follow in time; row {beside + head_rows + 1} opens at "
                f"{show_time(times[beside])}",
            )
            blamed.add(wrong)
            if wrong == index:
                continue
        kept.append(index)
    return kept, blamed, duplicates


def _stands_out(times: array[int], kept: Sequence[int], time: int, following: int | None) -> bool:
    """Whether the last kept row is the wrong one, not this: its neighbours on both sides agree without it."""
    last = times[kept[-1]]
    before = times[kept[-2]] if len(kept) > 1 else None
    if before is not None and time <= before:
        return False
    if following is not None:
        return time < following <= last
    return before is not None and last - before > 2 * (time - before)


def _interval(steps: Counter[int], interval: str | None, named: str | None, findings: Findings) -> str:
    if interval:
        if steps and INTERVALS_MS[interval] not in steps:
            usual = steps.most_common(1)[0][0]
            findings.error(
                None,
                "interval_mismatch",
                f"no two candles are {interval} apart, most are {usual // 1_000} s; is the interval right?",
            )
            return ""
        return interval
    if named and (not steps or INTERVALS_MS[named] in steps):
        return named
    if not steps:
        findings.error(None, "interval_unknown", "one candle tells no interval; pass it (such as 1h)")
        return ""
    usual = steps.most_common(1)[0][0]
    if usual not in INTERVALS_MS.values():
        findings.error(
            None,
            "interval_unknown",
            f"most candles are {usual} ms apart, which is no interval Evenkeel has; pass the "
            "right one if candles are missing",
        )
        return ""
    return interval_name(usual)


def _shift(times: array[int], kept: Sequence[int], step: int, findings: Findings) -> int:
    """How far most candles open after the interval's grid (counted from the epoch)."""
    shift = Counter(time % step for time in _times_at(times, kept)).most_common(1)[0][0]
    if shift and shift % _HOUR_MS == 0:
        findings.warning(
            None,
            "shifted_grid",
            f"candles open {shift // _HOUR_MS} h after the UTC grid; right for some venues, wrong "
            "where the times are local ones",
        )
    elif shift:
        findings.error(
            None,
            "shifted_grid",
            f"candles open {shift} ms after the interval's grid; are these close times, or another interval?",
        )
    return shift


def _report_off_grid(
    times: array[int], kept: Sequence[int], step: int, shift: int, head_rows: int, findings: Findings
) -> None:
    for index in kept:
        if times[index] % step != shift:
            findings.error(
                index + head_rows + 1,
                "off_grid",
                f"{show_time(times[index])} ({times[index]} ms) is not where a candle of this file can open",
            )


def _report_gaps(
    times: array[int], kept: Sequence[int], blamed: set[int], step: int, head_rows: int, findings: Findings
) -> int:
    """Counts the missing candles. No gap is claimed across rows that have an error of their own."""
    total = 0
    for a, b in pairwise(kept):
        missing = (times[b] - times[a]) // step - 1
        if missing <= 0 or (abs(b - a) > 1 and any(index in blamed for index in range(a + 1, b))):
            continue
        total += missing
        findings.warning(
            b + head_rows + 1,
            "gap",
            f"{missing} missing from {show_time(times[a] + step)} until {show_time(times[b])}",
        )
    return total
