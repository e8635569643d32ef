"""A refusal is product: a class, a stable code, data."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A command was refused and nothing changed.

    Each subclass names one refusal by a stable `code`; its public attributes are the refusal's data
    (shown to the user, stored and replayed with the idempotency key).
    """

    code: ClassVar[str] = "refused"

    def __init_subclass__(cls, *, code: str | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if code is not None:
            cls.code = code

    @property
    def data(self) -> dict[str, str]:
        """The refusal's attributes as text, in the order they were set."""
        return {name: str(value) for name, value in vars(self).items() if not name.startswith("_")}


class InvalidValue(DomainError, code="invalid_value"):
    """A value is outside what its field allows; `field` names it and the message says the way out."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem
