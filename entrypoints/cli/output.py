"""What a command shows: tables for people, one JSON value for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from entrypoints.plain import plain
from entrypoints.problems import Problem

_PIPED_WIDTH, _UNLIMITED = 400, 10_000
_as_json: ContextVar[bool] = ContextVar("as_json", default=False)
Row = Mapping[str, Any]


class _Screen(Console):
    """Says when nobody reads any more, instead of ending the process itself."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Output:
    """One command's output. With `as_json`, standard output gets one JSON value and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        answer_in_json(as_json)
        self.as_json = as_json
        # what is piped on is for other programs: lines are not broken there
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        self.console = _Screen(file=sys.stdout, highlight=False, emoji=False, width=width)

    def value(self, value: Any) -> None:
        """For machines only: people get what say() and table() show."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def values(self, whole: Mapping[str, Any], name: str, items: Iterable[Any]) -> None:
        """For machines: as value(), with a last list whose items are written while they are gone through."""
        if not self.as_json:
            return
        sys.stdout.write(json.dumps(plain(whole), ensure_ascii=False)[:-1] + f', "{name}": [')
        for number, item in enumerate(items):
            sys.stdout.write((", " if number else "") + json.dumps(plain(item), ensure_ascii=False))
        sys.stdout.write("]}\n")
        sys.stdout.flush()

    def say(self, line: str = "") -> None:
        """For people only; what stands in brackets is text, not markup."""
        if not self.as_json:
            self.console.print(escape(line))

    def raw(self, text: str) -> None:
        """For people and files: the text as it is, to the byte."""
        if not self.as_json:
            sys.stdout.write(text)
            sys.stdout.flush()

    def table(self, rows: Sequence[Row], columns: Sequence[str], *, empty: str) -> None:
        """For people: the rows' columns, or the words for there being none."""
        if self.as_json:
            return
        if not rows:
            self.say(empty)
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        lines = [[_cell(plain(row).get(column)) for column in columns] for row in rows]
        for number, column in enumerate(columns):
            prose = any(" " in line[number] for line in lines)
            table.add_column(_words(column), overflow="fold", no_wrap=not prose)
        for line in lines:
            table.add_row(*map(escape, line))
        if self._fits(table):
            self.console.print(table)
        else:
            for line in lines:
                self._block(columns, line)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """For people: one fact a line."""
        if self.as_json:
            return
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        for name, value in plain(facts).items():
            table.add_row(escape(_words(name)), escape(_cell(value)))
        self.console.print(table)

    def tree(self, value: Mapping[str, Any]) -> None:
        """For people: what may hold lists and mappings, as indented lines."""
        if not self.as_json:
            for line in _tree(plain(value), ""):
                self.console.print(escape(line), soft_wrap=True)

    def _fits(self, table: Table) -> bool:
        """Whether no word has to be broken: an id that is cannot be copied."""
        unlimited = self.console.options.update(max_width=_UNLIMITED)
        return self.console.measure(table, options=unlimited).minimum <= self.console.width

    def _block(self, columns: Sequence[str], cells: Sequence[str]) -> None:
        """One row of a table that is wider than the terminal: its first cell, and beneath it the others."""
        self.console.print(escape(cells[0]), style="bold", soft_wrap=True)
        line = ""
        for column, cell in zip(columns[1:], cells[1:], strict=True):
            part = f"  {_words(column)} {cell}"
            if line and len(line) + len(part) > self.console.width:
                self.console.print(escape(line), soft_wrap=True)
                line = ""
            line += part
        if line:
            self.console.print(escape(line), soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on standard error while that is a terminal; call it with done and total (0: not known)."""
        if self.as_json or not sys.stderr.isatty():
            yield lambda _done, _total: None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)


def answer_in_json(wanted: bool) -> None:
    """Whether what goes wrong is told as JSON too."""
    _as_json.set(wanted)


def leave_output() -> None:
    """Where standard output takes no more, forget what is left: at its end Python would try, and complain."""
    _write(sys.stdout, "")


def show_problem(problem: Problem) -> None:
    """One line on standard error; for machines the same as JSON on standard output."""
    if _as_json.get():
        _write(sys.stdout, json.dumps(problem.as_json(), ensure_ascii=False) + "\n")
    first, *rows = problem.message.splitlines() or [""]
    if problem.code != "candle_file_refused":
        first, rows = " ".join(problem.message.split()), []
    _write(sys.stderr, f"evenkeel: {_printable(first)}\n")
    for row in rows:  # what is wrong in a file, row by row
        _write(sys.stderr, f"  {_printable(row)}\n")


def _write(stream: TextIO, words: str) -> None:
    """All there is, or from then on nothing: the last words of a process must not fail."""
    try:
        stream.write(words)
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _printable(line: str) -> str:
    """Without control characters: a message may quote what somebody sent us."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: Any) -> str:
    """On one line, whatever it is."""
    if value is None or value == "":
        return "–"
    if isinstance(value, Mapping):
        if set(value) == {"amount", "asset"}:
            return f"{value['amount']} {value['asset']}"
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _tree(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    width = max((len(name) for name in value), default=0)
    for name, inner in value.items():
        if isinstance(inner, list) and any(isinstance(one, Mapping) for one in inner):
            yield f"{indent}{_words(name)}"
            for one in inner:
                yield f"{indent}  - {_cell(one)}"
        elif isinstance(inner, Mapping) and inner and set(inner) != {"amount", "asset"}:
            yield f"{indent}{_words(name)}"
            yield from _tree(inner, indent + "  ")
        else:
            yield f"{indent}{_words(name):{width}}  {_cell(inner)}"
