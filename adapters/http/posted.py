"""What the ledger's routes have in common: entries that a command posted, and how entries are asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from adapters.http.access import security_log
from application.queries.asset_codes import shown_entries
from application.queries.entries import AXES, EntryFilter
from application.queries.entry_views import PostingView


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedView:
    """An entry as a command posted it."""

    book_id: str
    entry_id: str
    kind: str
    reference: str
    postings: Sequence[PostingView]


def posted_views(result: Mapping[str, Any]) -> list[PostedView]:
    """Of a command's answer, its entries."""
    return [
        PostedView(
            book_id=entry.get("book_id", result.get("book_id")),
            entry_id=entry["entry_id"],
            kind=entry["kind"],
            reference=entry["reference"],
            postings=[PostingView(**leg) for leg in entry["postings"]],
        )
        for entry in shown_entries(result)["entries"]
    ]


def note_correction(actor: str, what: str, done: Response[Any], **about: str) -> None:
    """Who changed books by hand, or tried to, goes to the security log."""
    outcome = "done" if done.status_code == 201 else "refused"
    security_log.warning("%s %s", what, outcome, extra={"account_id": actor, **about})


def entry_filter(**given: str | None) -> EntryFilter:
    """A dependency that takes every parameter of the filter from the query."""
    return EntryFilter.parse(given)


def _offered() -> dict[str, Any]:
    return {
        axis.name: Annotated[
            str | None, QueryParameter(description=axis.words, required=False, max_length=axis.longest)
        ]
        for axis in AXES
    }


# the framework reads the signature: it is made of the filter's own fields, which are described there once
entry_filter.__annotations__ = {**_offered(), "return": EntryFilter}
entry_filter.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _offered().items()
    ],
    return_annotation=EntryFilter,
)
