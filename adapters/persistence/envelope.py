"""The stored bytes of an event: canonical JSON, hashed as it stands and never rewritten.

Keys in a fixed order, no white space, no floats, money as plain decimal text, times in ISO 8601 UTC. The
bytes hold stream, version and name too, so a verifier can compare them with the columns beside them, and
`prev`, the hash of the stream's previous event, which makes every stream a chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from adapters.persistence.codec import Codec, EventType, UnknownEvent
from application.ports.event_log import Metadata

T = TypeVar("T")

NO_EVENT = bytes(32)
"""What the first event of a stream names as its previous one."""


class Envelope(msgspec.Struct, Generic[T], gc=False):
    """Field order is key order."""

    name: str
    schema: int
    stream: str
    version: int
    recorded_at: datetime
    actor: str
    command_id: str
    correlation_id: str
    causation_id: str
    prev: str
    data: T


class Header(msgspec.Struct, gc=False):
    """What chains and columns are checked with; the rest of the bytes is skipped."""

    name: str
    stream: str
    version: int
    prev: str


class _Recorded(msgspec.Struct, gc=False):
    recorded_at: datetime


read_header: Callable[[bytes], Header] = msgspec.json.Decoder(Header).decode
_read_recorded: Callable[[bytes], _Recorded] = msgspec.json.Decoder(_Recorded).decode


def recorded_at(state: bytes) -> datetime:
    """When an event was recorded, whatever event it is."""
    return _read_recorded(state).recorded_at


def event_hash(state: bytes) -> bytes:
    """SHA-256(0x00 || stored bytes): the RFC 6962 leaf, so one hash serves the chain and the Merkle tree."""
    return hashlib.sha256(b"\x00" + state).digest()


class Envelopes:
    """Writes events into bytes and reads them back as today's classes."""

    def __init__(self, codec: Codec | None = None) -> None:
        self.codec = codec or Codec()
        self._encode = msgspec.json.Encoder(decimal_format="string", order="deterministic").encode
        self._encode_builtins = msgspec.json.Encoder().encode
        self._writing: dict[type, tuple[EventType, tuple[str, ...]]] = {
            kind.cls: (kind, _times(kind.cls)) for kind in self.codec.by_name.values()
        }
        self._reading: dict[str, tuple[bytes, Callable[[bytes], Envelope[Any]]]] = {
            kind.name: (_opening(kind), msgspec.json.Decoder(Envelope[kind.cls]).decode)  # type: ignore[name-defined]
            for kind in self.codec.by_name.values()
        }
        self._read_old = msgspec.json.Decoder(Envelope[dict[str, Any]]).decode

    def write(
        self, event: Any, stream: str, version: int, prev: bytes, metadata: Metadata
    ) -> tuple[str, bytes]:
        """The event's name and the bytes to store.

        Raises UnknownEvent for a class that is not registered, ValueError for a time without a zone.
        """
        try:
            kind, times = self._writing[type(event)]
        except KeyError:
            raise UnknownEvent(f"{type(event).__name__} has no line in the registry of events") from None
        data = event
        for name in times:
            moment = getattr(event, name)
            if moment is not None and moment.tzinfo is not UTC:
                data = _plain(event)
        recorded_at = metadata.recorded_at_utc
        envelope = Envelope(
            kind.name,
            kind.schema,
            stream,
            version,
            recorded_at if recorded_at.tzinfo is UTC else _in_utc(recorded_at),
            metadata.actor,
            metadata.command_id,
            metadata.correlation_id,
            metadata.causation_id,
            prev.hex(),
            data,
        )
        state = self._encode(envelope)
        if (b"E+" in state or b"E-" in state) and data is event:
            envelope.data = data = _plain(event)  # an exponent, or just words: only the slow way tells
        if data is not event:
            state = self._encode_builtins(envelope)
        return kind.name, state

    def read(self, name: str, state: bytes) -> Envelope[Any]:
        """The envelope with today's event as its data; raises UnknownEvent, or msgspec's error for damage."""
        try:
            opening, decode = self._reading[name]
        except KeyError:
            self.codec.named(name)
            raise
        if state.startswith(opening):
            return decode(state)
        return self._upcast(name, state)

    def _upcast(self, name: str, state: bytes) -> Envelope[Any]:
        kind = self.codec.named(name)
        envelope = self._read_old(state)
        if envelope.name != name or envelope.schema > kind.schema:
            raise UnknownEvent(f"{name} is read as {envelope.name}, schema {envelope.schema}")
        data = envelope.data
        for schema in range(envelope.schema, kind.schema):
            data = kind.upcasters[schema](data)
        return msgspec.structs.replace(envelope, data=msgspec.convert(data, kind.cls))


def _opening(kind: EventType) -> bytes:
    """How the bytes of an event in today's schema begin."""
    return msgspec.json.encode({"name": kind.name, "schema": kind.schema})[:-1] + b","


def _times(cls: type) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(cls).items() if hint in (datetime, datetime | None))


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def _plain(value: Any) -> Any:
    """As builtins, in the same key order: decimals in plain notation, times in UTC."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _in_utc(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
