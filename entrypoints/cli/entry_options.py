"""The options by which entries are asked for: made of the filter's own fields, which are described there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from application.queries.entries import AXES, EntryFilter

WANTED = "wanted"


def asking_for_entries(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `wanted`, an EntryFilter, an option for each of the filter's fields."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        raw = {axis.name: given.pop(axis.name) for axis in AXES}
        command(**{WANTED: EntryFilter.parse(raw, separator="-")}, **given)

    hints = get_type_hints(command, include_extras=True)
    kinds: dict[str, Any] = {
        axis.name: Annotated[str | None, typer.Option(help=f"{axis.words}.")] for axis in AXES
    }
    own = [one for one in inspect.signature(command).parameters.values() if one.name != WANTED]
    own = [one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    offered = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in kinds.items()
    ]
    with_options.__signature__ = inspect.Signature([*offered, *own], return_annotation=None)  # type: ignore[attr-defined]
    with_options.__annotations__ = {**kinds, **{one.name: one.annotation for one in own}, "return": None}
    return with_options
