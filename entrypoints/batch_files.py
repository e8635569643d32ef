"""Adjusting entries in a file: JSON as the API takes them, or a CSV with a row a leg."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import InvalidValue

MOST_BYTES = 4_000_000
META = "meta."
_OF_ENTRY = ("book_id", "reason", "reference", "effective_at")
_OF_LEG = ("account", "asset", "amount")
_NEEDED = ("entry", "book_id", "reason", *_OF_LEG)


@dataclass(frozen=True, slots=True)
class BatchFile:
    """What stands in a file, its values still to be checked. The same file has the same id again."""

    batch_id: str
    entries: Any


def read_batch(path: Path) -> BatchFile:
    """Raises InvalidValue for a file that is neither; what is wrong in its values is told by the posting."""
    raw = path.read_bytes()
    if len(raw) > MOST_BYTES:
        raise InvalidValue("file", f"{path.name} has over {MOST_BYTES} bytes; make it several")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue("file", f"{path.name} is not UTF-8 text") from None
    own = f"file-{hashlib.sha256(raw).hexdigest()[:24]}"
    if path.suffix.lower() == ".csv":
        return BatchFile(own, _from_csv(text))
    if path.suffix.lower() == ".json":
        return _from_json(text, own)
    raise InvalidValue("file", f"{path.name} is neither .json nor .csv")


def _from_json(text: str, own: str) -> BatchFile:
    try:
        whole = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as problem:
        raise InvalidValue("file", f"is no JSON: {problem}") from None
    if isinstance(whole, list):
        return BatchFile(own, whole)
    if not isinstance(whole, dict) or not {"entries"} <= whole.keys() <= {"entries", "batch_id"}:
        raise InvalidValue("file", 'must be a list of entries, or {"batch_id": …, "entries": […]}')
    return BatchFile(whole.get("batch_id") or own, whole["entries"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _from_csv(text: str) -> list[dict[str, Any]]:
    """Rows that follow one another with the same word in `entry` are one entry."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        columns = reader.fieldnames or []
        _require_columns(columns)
        return _entries(enumerate(reader, start=2))
    except csv.Error as problem:
        raise InvalidValue("file", f"line {reader.line_num}: {problem}") from None


def _require_columns(columns: Iterable[str]) -> None:
    there = list(columns)
    for name in _NEEDED:
        if name not in there:
            raise InvalidValue("file", f"has no column {name}; needed are {', '.join(_NEEDED)}")
    known = {"entry", *_OF_ENTRY, *_OF_LEG}
    for name in there:
        if name not in known and not name.startswith(META):
            raise InvalidValue("file", f"has a column {name!r} that is not known")
    if len(set(there)) < len(there):
        raise InvalidValue("file", "has a column twice")


def _entries(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    last, seen = None, set()
    for number, row in rows:
        if None in row or None in row.values():
            raise InvalidValue("file", f"row {number} does not have as many fields as there are columns")
        own = {
            **{name: row.get(name, "") for name in _OF_ENTRY},
            "metadata": {
                name.removeprefix(META): value
                for name, value in row.items()
                if name.startswith(META) and value
            },
        }
        if row["entry"] != last:
            if row["entry"] in seen:
                raise InvalidValue(
                    "file", f"row {number}: entry {row['entry']} began before; keep its rows together"
                )
            last = row["entry"]
            seen.add(last)
            entries.append({**own, "postings": []})
        elif any(own[name] != entries[-1][name] for name in own):
            raise InvalidValue("file", f"row {number} says otherwise of entry {last} than its first row")
        entries[-1]["postings"].append({name: row[name] for name in _OF_LEG})
    return entries
