"""Which request or decision a log line belongs to: the same ids that the events' metadata carry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars, get_contextvars


@contextmanager
def logged_as(**ids: str) -> Iterator[None]:
    """Every line logged inside, by this thread or task and what it awaits, carries these ids."""
    with bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield


def current_ids() -> dict[str, str]:
    """The ids that a line logged now would carry."""
    return {name: str(value) for name, value in get_contextvars().items()}
