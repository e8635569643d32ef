"""What a benchmark found: samples, their median and range, ratios to a baseline of the same rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Ratio:
    """Round by round, this case's sample over the baseline's; and what the ratio should be."""

    baseline: str
    values: tuple[float, ...]
    must: float | None = None
    aim: float | None = None
    at_most: bool = False

    @property
    def sign(self) -> str:
        return "≤" if self.at_most else "≥"

    def misses(self) -> bool:
        if self.must is None:
            return False
        return self.median > self.must if self.at_most else self.median < self.must

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing measured, once a round."""

    name: str
    samples: tuple[float, ...]
    unit: str = "/s"
    ratios: tuple[Ratio, ...] = ()
    must: float | None = None  # of the median itself; for p95 it is a ceiling
    at_most: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def misses(self) -> list[str]:
        """Every target that this case does not reach, in words."""
        found = []
        if self.must is not None and (self.median > self.must if self.at_most else self.median < self.must):
            sign = "≤" if self.at_most else "≥"
            found.append(
                f"{self.name}: {number(self.median)} {self.unit}, must be {sign} {number(self.must)}"
            )
        for ratio in self.ratios:
            if ratio.misses():
                target = f"must be {ratio.sign} {ratio.must:g}"
                found.append(f"{self.name}: {ratio.median:.2f} × {ratio.baseline}, {target}")
        return found


@dataclass(slots=True)
class Section:
    """One benchmark's table."""

    name: str
    title: str
    conditions: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "conditions": self.conditions,
            "seconds": round(self.seconds, 1),
            "cases": [
                {
                    "name": case.name,
                    "unit": case.unit,
                    "median": case.median,
                    "samples": list(case.samples),
                    "must": case.must,
                    "ratios": {
                        ratio.baseline: {
                            "median": ratio.median,
                            "samples": list(ratio.values),
                            "must": ratio.must,
                            "aim": ratio.aim,
                        }
                        for ratio in case.ratios
                    },
                    "notes": dict(case.notes),
                }
                for case in self.cases
            ],
            "misses": self.misses(),
        }

    def misses(self) -> list[str]:
        return [miss for case in self.cases for miss in case.misses()]


def show(section: Section, console: Console) -> None:
    """The table, and below it what falls short."""
    baselines = list(dict.fromkeys(ratio.baseline for case in section.cases for ratio in case.ratios))
    notes = list(dict.fromkeys(note for case in section.cases for note in case.notes))
    table = Table(title=f"{section.name}: {section.title}", title_justify="left", pad_edge=False)
    table.add_column("case")
    table.add_column("median", justify="right")
    table.add_column("min … max", justify="right")
    table.add_column("unit")
    for baseline in baselines:
        table.add_column(f"× {baseline}", justify="right")
    for note in notes:
        table.add_column(note, justify="right")
    table.add_column("must (aim)", justify="right")
    for case in section.cases:
        by_name = {ratio.baseline: ratio for ratio in case.ratios}
        table.add_row(
            case.name,
            number(case.median),
            f"{number(min(case.samples))} … {number(max(case.samples))}",
            case.unit,
            *(_ratio(by_name.get(baseline)) for baseline in baselines),
            *(case.notes.get(note, "") for note in notes),
            _targets(case),
        )
    for condition in section.conditions:
        console.print(f"  {condition}", highlight=False, soft_wrap=True)
    console.print(table)
    for miss in section.misses():
        console.print(f"  short of its target: {miss}", style="yellow", highlight=False, soft_wrap=True)
    console.print(f"  {section.seconds:.0f} s\n", style="dim", highlight=False)


def number(value: float) -> str:
    """12,345 or 3.21."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(
    baseline: str,
    samples: Sequence[float],
    baseline_samples: Sequence[float],
    *,
    must: float | None = None,
    aim: float | None = None,
    at_most: bool = False,
) -> Ratio:
    """Samples of the same rounds over each other."""
    values = tuple(ours / theirs for ours, theirs in zip(samples, baseline_samples, strict=True) if theirs)
    return Ratio(baseline, values or (0.0,), must, aim, at_most)


def _ratio(found: Ratio | None) -> str:
    return "" if found is None else f"{found.median:.2f}"


def _targets(case: Case) -> str:
    parts = []
    if case.must is not None:
        parts.append(f"{'≤' if case.at_most else '≥'} {number(case.must)}")
    for one in case.ratios:
        if one.must is not None:
            aim = f" ({one.aim:g}×)" if one.aim is not None else ""
            parts.append(f"{one.sign} {one.must:g}×{aim}")
    return ", ".join(parts)
