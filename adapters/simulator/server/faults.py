"""The fault dials: what shall go wrong, where, how often."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from domain.errors import InvalidValue

REQUEST_FAULTS = {
    "drop_before": "the connection is closed and nothing is done",
    "drop_after": "it is done, and the connection closed instead of an answer",
    "slow": "the answer comes `ms` later; it was done at once",
    "slow_before": "it is done, and answered, `ms` later",
    "rate_limited": "HTTP 429 (or `status` 418) with Retry-After `retry_after_s`; nothing is done",
    "error_before": "HTTP `status` with `code`; nothing is done",
    "error_after": "it is done, and HTTP `status` with `code` answered",
    "html": "a web page with HTTP 200; nothing is done",
    "html_after": "it is done, and a web page with HTTP 200 answered",
    "hostile": "the answer's values are replaced, see `what`",
}
STREAM_FAULTS = {
    "duplicate": "a message comes twice",
    "lose": "a message does not come; of depthUpdate: a gap in the sequence",
    "delay": "a message comes `ms` later, after others that followed it",
    "reorder": "a message comes after the next one",
    "hostile": "as of answers",
}
STANDING_FAULTS = {
    "invisible": "orders are not found until `ms` after they were accepted",
    "late_fills": "myTrades shows a trade `ms` after it happened",
    "stale_depth": "GET depth shows the book as it was when the fault was set",
    "maintenance": "everything is answered with HTTP 503, code -1016",
}
HOSTILE = ("price", "quantity", "nan", "types", "client_id", "huge")
EVERYTHING = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One dial. `on`: a kind of request (`place`), an event's name (`executionReport`), or `*`.

    `count`: so many times, then it is over; None: until it is taken back. `probability`: of each time.
    """

    do: str
    on: str = EVERYTHING
    count: int | None = None
    probability: float = 1.0
    ms: int = 0
    status: int = 0
    code: int = -1001
    retry_after_s: int = 1
    what: str = "price"

    def __post_init__(self) -> None:
        known = REQUEST_FAULTS | STREAM_FAULTS | STANDING_FAULTS
        if self.do not in known:
            raise InvalidValue("do", f"{self.do!r} is not one of {', '.join(known)}")
        if self.count is not None and self.count < 1:
            raise InvalidValue("count", "must be at least 1; leave it out to mean until it is taken back")
        if not 0 < self.probability <= 1:
            raise InvalidValue("probability", "must be above 0 and at most 1")
        if not 0 <= self.ms <= 600_000:
            raise InvalidValue("ms", "must be from 0 to 600000 milliseconds")
        if self.what not in HOSTILE:
            raise InvalidValue("what", f"{self.what!r} is not one of {', '.join(HOSTILE)}")
        if self.status and not 400 <= self.status <= 599:
            raise InvalidValue("status", "must be an HTTP error status, 400 to 599")


def parse_fault(given: Mapping[str, Any]) -> Fault:
    """From JSON; InvalidValue names what is wrong with it."""
    types: dict[str, type | tuple[type, ...]] = {
        "do": str,
        "on": str,
        "what": str,
        "probability": (int, float),
    }
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name not in Fault.__dataclass_fields__:
            raise InvalidValue(
                name, f"is no part of a fault; there are {', '.join(Fault.__dataclass_fields__)}"
            )
        if not isinstance(value, types.get(name, int)) or isinstance(value, bool):
            raise InvalidValue(name, f"{value!r} is of the wrong type")
        fields[name] = value
    if "do" not in fields:
        raise InvalidValue("do", "say what shall go wrong")
    return Fault(**fields)


def parse_fault_text(text: str) -> Fault:
    """As the command line has it: `drop_after:on=place,count=1`."""
    do, _, rest = text.partition(":")
    given: dict[str, Any] = {"do": do}
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise InvalidValue("fault", f"{part!r} is not name=value; write drop_after:on=place,count=1")
        try:
            given[name] = value if name in ("on", "what") else (float(value) if "." in value else int(value))
        except ValueError:
            raise InvalidValue(name, f"{value!r} is no number") from None
    return parse_fault(given)


class Faults:
    """The dials that are set. Random choices come from a seed, in the order in which requests come."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._set: dict[int, Fault] = {}
        self._left: dict[int, int] = {}
        self._next_id = 1

    def set(self, fault: Fault) -> int:
        fault_id, self._next_id = self._next_id, self._next_id + 1
        self._set[fault_id] = fault
        if fault.count is not None:
            self._left[fault_id] = fault.count
        return fault_id

    def take_back(self, fault_id: int | None = None) -> None:
        """One of them, or all."""
        for one in [fault_id] if fault_id is not None else list(self._set):
            self._set.pop(one, None)
            self._left.pop(one, None)

    def shown(self) -> list[dict[str, Any]]:
        return [
            {"id": fault_id, **asdict(fault), "left": self._left.get(fault_id)}
            for fault_id, fault in self._set.items()
        ]

    def drawn(self, on: str, *kinds: str) -> Iterator[Fault]:
        """Those that hit this time; each that hits is used up once."""
        for fault_id, fault in list(self._set.items()):
            if fault.do not in kinds or fault.on not in (on, EVERYTHING):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if fault_id in self._left:
                self._left[fault_id] -= 1
                if not self._left[fault_id]:
                    self.take_back(fault_id)
            yield fault

    def first(self, on: str, *kinds: str) -> Fault | None:
        return next(self.drawn(on, *kinds), None)

    def standing_ms(self, do: str) -> int:
        """How long a standing fault hides something; 0: it is not set."""
        return max((fault.ms for fault in self._set.values() if fault.do == do), default=0)

    def is_set(self, do: str) -> bool:
        return any(fault.do == do for fault in self._set.values())


def hostile(answer: Any, what: str) -> Any:
    """An answer whose values nobody should believe."""
    match what:
        case "price":
            return _replaced(answer, {"price", "p", "L", "lastPrice"}, "-1")
        case "quantity":
            return _replaced(answer, {"qty", "origQty", "executedQty", "q", "l", "z", "free"}, "1e400")
        case "nan":
            return _replaced(
                answer, {"price", "p", "L", "qty", "executedQty", "cummulativeQuoteQty", "commission"}, "NaN"
            )
        case "types":
            return _replaced(
                answer, {"orderId", "i", "status", "X", "price", "L", "fills"}, {"not": ["a value"]}
            )
        case "client_id":
            return _replaced(answer, {"clientOrderId", "c"}, "nobody-sent-this-id")
        case _:
            return {"answer": answer, "padding": "x" * 50_000_000}


def _replaced(value: Any, names: set[str], new: Any) -> Any:
    if isinstance(value, dict):
        return {key: new if key in names else _replaced(inner, names, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, names, new) for inner in value]
    return value
