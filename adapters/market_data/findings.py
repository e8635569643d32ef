"""What was found in a file so far: every finding is counted, of each code the first thousand are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from application.ports.candle_reader import Problem, Severity

KEPT_PER_CODE = 1_000


class Findings:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.error_count = 0
        self._kept: list[Problem] = []

    def error(self, row: int | None, code: str, message: str) -> None:
        self.error_count += 1
        self._add(row, code, message, "error")

    def warning(self, row: int | None, code: str, message: str) -> None:
        self._add(row, code, message, "warning")

    def problems(self) -> Sequence[Problem]:
        """By row; what concerns the whole file comes first."""
        return sorted(self._kept, key=lambda problem: problem.row or 0)

    def _add(self, row: int | None, code: str, message: str, severity: Severity) -> None:
        self.counts[code] += 1
        if self.counts[code] <= KEPT_PER_CODE:
            self._kept.append(Problem(row, code, message, severity))
