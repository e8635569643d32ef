"""Journal entries by what they are, touch, say and belong to, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from application.ports.event_log import EventLog, Position, RecordedEvent
from application.ports.read_models import Narrowed, Page, ReadModels
from application.queries.asset_codes import parse_paper_asset
from application.queries.moments import events_of, parse_time
from application.streams import book_stream
from application.views.rows import EntryRow, EntryTagRow, PostingRow
from domain.errors import InvalidValue
from domain.ledger.metadata import parse_pair
from domain.ledger.postings import bot_account

_ACCOUNT = re.compile(r"[a-z_]{1,40}(:[\x21-\x7e]{1,200})?")
_KIND = re.compile(r"[a-z_]{1,40}")
_ID = re.compile(r"[\x21-\x7e]{1,200}")


def _axis(words: str, *, longest: int | None = None) -> Mapping[str, Any]:
    """One thing that entries are asked for, in the words of every face's help."""
    return {"words": words, "longest": longest}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What entries must be, all of it at once; None asks for nothing. Times: from <= time < to.

    With an account and an asset, one leg has both. A bot's entries are those with a leg on its account. The
    faces take their parameters from here: what is added is asked for over HTTP and on the command line alike.
    """

    account: str | None = field(
        default=None, metadata=_axis("With a leg on this account, such as owner:available", longest=250)
    )
    asset: str | None = field(default=None, metadata=_axis("With a leg in this asset"))
    kind: str | None = field(
        default=None, metadata=_axis("Of this kind: deposit, fill, hold, adjustment, reversal, …")
    )
    reference: str | None = field(
        default=None, metadata=_axis("Of this order, hold or bot, or with this reference")
    )
    bot: str | None = field(default=None, metadata=_axis("With a leg of this bot's"))
    metadata: tuple[str, str] | None = field(
        default=None, metadata=_axis("With this in its metadata, as key=value")
    )
    effective_from: datetime | None = field(
        default=None, metadata=_axis("In effect then or later, an RFC 3339 time")
    )
    effective_to: datetime | None = field(default=None, metadata=_axis("In effect before then"))
    recorded_from: datetime | None = field(default=None, metadata=_axis("Recorded then or later"))
    recorded_to: datetime | None = field(default=None, metadata=_axis("Recorded before then"))

    @classmethod
    def parse(cls, raw: Mapping[str, str | None], *, separator: str = "_") -> EntryFilter:
        """From text by name. InvalidValue for what cannot be one; what is only unknown finds nothing.

        The separator is how the face writes `effective_from`.
        """
        checked: dict[str, Any] = {}
        for name, given in raw.items():
            field = name.replace("_", separator)
            if given is None:
                continue
            match name:
                case "account":
                    checked[name] = parse_account(given, field)
                case "asset":
                    checked[name] = parse_paper_asset(given, field)
                case "kind":
                    checked[name] = _matching(_KIND, given, field, "no kind of entry, such as 'fill'")
                case "reference" | "bot":
                    checked[name] = parse_id(given, field)
                case "metadata":
                    checked[name] = parse_pair(given, field)
                case _:
                    checked[name] = parse_time(given, field)
        return cls(**checked)

    @property
    def equal(self) -> dict[str, Any]:
        """The columns of an entry that are asked for."""
        asked = {"kind": self.kind, "reference": self.reference}
        return {name: value for name, value in asked.items() if value is not None}

    @property
    def narrowed(self) -> Narrowed:
        leg = {"account": self.account, "asset": self.asset}
        of_leg = {name: value for name, value in leg.items() if value is not None}
        beside: list[tuple[type, dict[str, Any]]] = [(PostingRow, of_leg)] if of_leg else []
        if self.bot is not None:
            beside.append((PostingRow, {"account": bot_account(self.bot)}))
        if self.metadata is not None:
            beside.append((EntryTagRow, dict(zip(("name", "value"), self.metadata, strict=True))))
        since = {"effective_at_utc": self.effective_from, "recorded_at_utc": self.recorded_from}
        before = {"effective_at_utc": self.effective_to, "recorded_at_utc": self.recorded_to}
        return Narrowed(
            since={name: value for name, value in since.items() if value is not None},
            before={name: value for name, value in before.items() if value is not None},
            beside=beside,
        )


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of the filter, as a face offers it."""

    name: str
    words: str
    longest: int | None


AXES = tuple(Axis(one.name, one.metadata["words"], one.metadata["longest"]) for one in fields(EntryFilter))
"""Every way to ask for entries, in the order in which they are offered."""


def entries_page(
    views: ReadModels,
    wanted: EntryFilter,
    *,
    book_id: str | None = None,
    owner_id: str | None = None,
    before: Position | None = None,
    limit: int,
) -> Page[EntryRow]:
    """Entries newest first, of one book, of one owner, or of all."""
    of = {"book_id": book_id, "owner_id": owner_id}
    equal = {name: value for name, value in of.items() if value is not None}
    return views.page(
        EntryRow, equal={**equal, **wanted.equal}, narrowed=wanted.narrowed, before=before, limit=limit
    )


def book_events(log: EventLog, book_id: str, version: int | None = None) -> Iterator[RecordedEvent]:
    """The book's events up to a version, oldest first, read a page at a time."""
    for recorded in events_of(log, book_stream(book_id)):
        if version is not None and recorded.version > version:
            return
        yield recorded


def parse_account(raw: str, field: str = "account") -> str:
    """A ledger account's name, known or not; raises InvalidValue."""
    return _matching(_ACCOUNT, raw, field, "no account, such as 'owner:available'")


def parse_id(raw: str, field: str) -> str:
    """An id or a reference, known or not; raises InvalidValue."""
    return _matching(_ID, raw, field, "no id: 1 to 200 letters, digits and signs")


def _matching(pattern: re.Pattern[str], raw: str, field: str, problem: str) -> str:
    if not pattern.fullmatch(raw):
        raise InvalidValue(field, f"{raw!r} is {problem}")
    return raw
