"""Commands as JSON and back. Amounts are strings; a command that does not read back exactly is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from adapters.simulator.core import commands
from domain.money import text

COMMANDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(commands.Command)}


def to_json(value: Any) -> Any:
    """A command, or a part of one, without what is at its default."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(inner)
            for field in fields(value)
            if (inner := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    return text(value) if isinstance(value, Decimal) else value


def command_of(name: str, written: Mapping[str, Any]) -> commands.Command:
    """Raises ValueError, KeyError or TypeError where it is none."""
    return cast(commands.Command, _read(COMMANDS[name], written))


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, written: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if written is None:
            return None
        (inner,) = [one for one in get_args(kind) if one is not type(None)]
        return _read(inner, written)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in written)
    if kind is Decimal:
        return Decimal(written)
    if is_dataclass(kind):
        hints = _hints(cast(type, kind))
        return cast(type, kind)(**{name: _read(hints[name], inner) for name, inner in written.items()})
    return written
