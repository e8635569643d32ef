"""What the resources' requests and answers have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from litestar.params import HeaderParameter, QueryParameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from application.ledger.batch_requests import parse_reason
from application.ports.event_log import Position
from application.ports.read_models import Page
from application.queries.asset_codes import parse_paper_asset
from domain.errors import InvalidValue
from domain.ledger.metadata import parse_metadata
from domain.money import parse_amount, parse_positive_amount

T = TypeVar("T")
R = TypeVar("R")


class Edge(BaseModel):
    """A request body: what it does not name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class PageOf(Generic[T]):
    """Newest first. `next_cursor` continues after the last item, whatever came since; null at the end."""

    items: Sequence[T]
    next_cursor: str | None = None


def page_of(page: Page[R], shown: Callable[[R], T]) -> PageOf[T]:
    return PageOf([shown(row) for row in page.rows], str(page.next_cursor) if page.next_cursor else None)


def parse_cursor(cursor: str | None) -> Position | None:
    return None if cursor is None else Position.parse(cursor, "cursor")


def checked(parse: Callable[[str], object]) -> AfterValidator:
    """A domain parser as a field's check: its words are the field's problem; the text itself is kept."""

    def check(raw: str) -> str:
        try:
            parse(raw)
        except InvalidValue as e:
            raise ValueError(e.problem) from None
        return raw

    return AfterValidator(check)


def _check_metadata(raw: dict[str, str]) -> dict[str, str]:
    try:
        return dict(parse_metadata(raw))
    except InvalidValue as e:
        raise ValueError(str(e)) from None


checked_metadata = AfterValidator(_check_metadata)

PositiveAmount = Annotated[
    str,
    checked(parse_positive_amount),
    Field(description="An amount above zero, as a string of digits", examples=["1500.25"], max_length=40),
]
Amount = Annotated[
    str,
    checked(parse_amount),
    Field(description="An amount of zero or more, as a string of digits", examples=["0"], max_length=40),
]
PaperAsset = Annotated[
    str,
    checked(parse_paper_asset),
    Field(description="A paper asset, with or without .PAPER", examples=["USDT.PAPER"], max_length=24),
]
Reason = Annotated[
    str,
    checked(parse_reason),
    Field(description="Why; owners and auditors will read it", min_length=1, max_length=500),
]

Metadata = Annotated[
    dict[str, str],
    checked_metadata,
    Field(description="At most 16 short texts by key; no personal data", examples=[{"ticket": "OPS-7"}]),
]


class PaperMoney(Edge):
    """An amount of paper money."""

    amount: PositiveAmount
    asset: PaperAsset


Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Items on a page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before", required=False)]
MinPosition = Annotated[
    str | None,
    QueryParameter(
        description="An Evenkeel-Position: wait up to a second until the answer includes it, else 503",
        required=False,
    ),
]
At = Annotated[
    str | None,
    QueryParameter(
        description="A past moment: an RFC 3339 time, or a log position such as 0-1234", required=False
    ),
]
Account = Annotated[
    str | None,
    QueryParameter(description="A ledger account such as owner:available", required=False, max_length=250),
]
EffectiveAt = Annotated[
    str | None,
    QueryParameter(
        description="Only what took effect by then, an RFC 3339 time; with `at`, of what was known then",
        required=False,
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        format="uuid",
        description="Required: a new UUID for each new request, the same one to repeat a request",
        required=True,
    ),
]
DryRun = Annotated[
    bool,
    QueryParameter(
        description="Answer as if it were done, refusals included; do nothing and take no Idempotency-Key"
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", description="An ETag: refuse with 412 when it has changed", required=False
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="An ETag: 304 when unchanged", required=False),
]
