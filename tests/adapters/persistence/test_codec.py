"""Stored events load for ever: every schema of every event, from the very bytes an earlier release wrote."""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain
from adapters.persistence.codec import REGISTRY, Codec, EventType, UnknownEvent
from adapters.persistence.envelope import NO_EVENT, Envelopes, event_hash, read_header
from application.ports.event_log import Metadata
from domain.bots.events import BotTerms
from domain.ledger.events import EntryPosted
from domain.ledger.postings import Posting
from domain.money import Money
from domain.orders.events import OrderTerms
from tests.builders import START, entry, leg, usdt

SAMPLES = Path(__file__).parents[2] / "samples"
METADATA = Metadata(
    recorded_at_utc=START, actor="acc-1", command_id="c-1", correlation_id="r-1", causation_id="c-1"
)


def events_of_the_domain() -> set[type]:
    """Every member of every `…Event` union in an events module of the domain."""
    found: set[type] = set()
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        if module.name.endswith(".events"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if name.endswith("Event") and isinstance(value, UnionType):
                    found.update(get_args(value))
    return found


def written(event: Any, envelopes: Envelopes | None = None) -> bytes:
    return (envelopes or Envelopes()).write(event, "stream:1", 1, NO_EVENT, METADATA)[1]


def data_of(state: bytes) -> Any:
    return json.loads(state)["data"]


def test_every_event_of_the_domain_has_its_line_in_the_registry() -> None:
    assert {kind.cls for kind in REGISTRY} == events_of_the_domain()
    assert len(events_of_the_domain()) > 20


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.name)
def test_every_schema_of_every_event_has_a_stored_sample(kind: EventType) -> None:
    for schema in range(1, kind.schema + 1):
        assert (SAMPLES / f"{kind.name}.v{schema}.json").exists(), "store one: see tests/samples/README.md"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_stored_sample_loads_as_todays_event(path: Path) -> None:
    """Safety #37: the golden corpus."""
    state = path.read_bytes().removesuffix(b"\n")
    name, _, schema = path.stem.rpartition(".v")
    envelope = Envelopes().read(name, state)

    assert isinstance(envelope.data, Codec().named(name).cls)
    assert (envelope.name, envelope.schema) == (name, int(schema))
    assert Envelopes().read(name, written(envelope.data)).data == envelope.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """An event that changed: its first schema had `colour`, and no coats."""

    color: str
    coats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedFirst:
    colour: str


def test_an_old_schema_is_upcast_on_the_way_in_and_its_bytes_stay() -> None:
    """Safety #37."""
    state = written(PaintedFirst(colour="red"), Envelopes(Codec([EventType("test.painted", PaintedFirst)])))
    kept = bytes(state)
    today = Envelopes(
        Codec(
            [
                EventType(
                    "test.painted",
                    Painted,
                    schema=3,
                    upcasters={
                        1: lambda data: {"color": data["colour"]},
                        2: lambda data: {**data, "coats": 1},
                    },
                )
            ]
        )
    )

    assert today.read("test.painted", state).data == Painted(color="red", coats=1)
    assert state == kept
    assert data_of(written(Painted(color="red", coats=2), today)) == {"color": "red", "coats": 2}


def test_a_schema_without_a_way_from_each_earlier_one_is_refused() -> None:
    with pytest.raises(ValueError, match="upcaster"):
        EventType("test.painted", Painted, schema=3, upcasters={1: dict})


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Codec([EventType("test.painted", Painted), EventType("test.painted", PaintedFirst)])


def test_a_newer_programs_event_is_named_not_guessed() -> None:
    state = written(entry("e"))
    with pytest.raises(UnknownEvent, match=r"ledger\.unheard_of"):
        Envelopes().read("ledger.unheard_of", state)
    with pytest.raises(UnknownEvent, match="schema 4"):
        Envelopes().read("ledger.entry_posted", state.replace(b'"schema":3', b'"schema":4'))
    with pytest.raises(UnknownEvent, match="Painted"):
        written(Painted(color="red", coats=1))


def test_the_bytes_are_canonical() -> None:
    state = written(entry("e", leg("a", usdt("1.50")), leg("b", usdt("-1.50"))))

    assert state.startswith(
        b'{"name":"ledger.entry_posted","schema":3,"stream":"stream:1","version":1,'
        b'"recorded_at":"2024-05-01T12:00:00Z","actor":"acc-1","command_id":"c-1","correlation_id":"r-1",'
        b'"causation_id":"c-1","prev":"' + b"0" * 64 + b'","data":{"entry_id":"e",'
    )
    assert b'"amount":"1.50"' in state
    header = read_header(state)
    assert (header.name, header.stream, header.version) == ("ledger.entry_posted", "stream:1", 1)


@pytest.mark.parametrize(
    ("amount", "stored"),
    [("1E+3", "1000"), ("1E-7", "0.0000001"), ("-2.5E+2", "-250"), ("0E-18", "0.000000000000000000")],
)
def test_an_amount_never_has_an_exponent(amount: str, stored: str) -> None:
    posted = entry("e", Posting("a", "USDT", Decimal(amount)))

    state = written(posted)

    assert data_of(state)["postings"][0]["amount"] == stored
    assert Envelopes().read("ledger.entry_posted", state).data == posted
    assert list(data_of(state)) == list(data_of(written(entry("e", Posting("a", "USDT", Decimal(1))))))


def test_words_that_look_like_an_exponent_stay_as_they_are() -> None:
    posted = entry("1E+3 and E-7", Posting("a", "USDT", Decimal("0.1")))
    assert data_of(written(posted))["entry_id"] == "1E+3 and E-7"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_comes_back_as_it_went(amount: Decimal) -> None:
    state = written(entry("e", Posting("a", "USDT", amount)))
    told = data_of(state)["postings"][0]["amount"]

    assert "E" not in told
    assert Decimal(told) == amount


def test_times_are_stored_in_utc_and_must_have_a_zone() -> None:
    posted = entry("e")
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert data_of(written(_at(posted, elsewhere)))["effective_at_utc"] == "2024-05-01T12:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        written(_at(posted, datetime(2024, 5, 1)))  # noqa: DTZ001 - the fault itself


def _at(posted: EntryPosted, moment: datetime) -> EntryPosted:
    return EntryPosted(
        entry_id=posted.entry_id, kind=posted.kind, postings=posted.postings, effective_at_utc=moment
    )


def test_mappings_are_stored_in_the_order_of_their_keys() -> None:
    codec = Codec([EventType("test.terms", BotTerms)])
    terms = {"z": "1", "a": "2", "m": "3"}
    state = written(_bot_terms(terms), Envelopes(codec))

    assert list(data_of(state)["parameters"]) == ["a", "m", "z"]
    assert state == written(_bot_terms(dict(sorted(terms.items()))), Envelopes(codec))


def _bot_terms(parameters: dict[str, str]) -> BotTerms:
    return BotTerms(
        name="n",
        strategy="s",
        parameters=parameters,
        venue="v",
        symbol="BTC/USDT",
        interval="1h",
        source="x",
        allocation=Money(Decimal(1), "USDT"),
    )


def test_the_hash_of_an_event_is_its_leaf_in_the_merkle_tree() -> None:
    """RFC 6962: SHA-256(0x00 || leaf); the empty leaf's is in its test vectors."""
    assert event_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_absent_amounts_and_nested_terms_come_back() -> None:
    codec = Codec([EventType("test.terms", OrderTerms)])
    terms = OrderTerms(symbol="BTC/USDT", side="buy", order_type="market", quote_budget=Decimal("5.00"))
    assert Envelopes(codec).read("test.terms", written(terms, Envelopes(codec))).data == terms


def test_recorded_times_are_utc() -> None:
    elsewhere = METADATA.recorded_at_utc.astimezone(timezone(timedelta(hours=-3)))
    metadata = Metadata(
        recorded_at_utc=elsewhere, actor="a", command_id="c", correlation_id="r", causation_id=""
    )
    state = Envelopes().write(entry("e"), "stream:1", 1, NO_EVENT, metadata)[1]

    assert json.loads(state)["recorded_at"] == "2024-05-01T12:00:00Z"
    assert Envelopes().read("ledger.entry_posted", state).recorded_at == START.astimezone(UTC)
