"""Exports to be checked: a small, true story in the product's own bytes, sealed by the product's own tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.persistence.envelope import NO_EVENT, Envelopes, event_hash
from application.ports.event_log import Metadata
from domain.accounts.events import AccountRegistered
from domain.bots.events import BotPaused, BotStarted
from domain.ledger.events import BookOpened, EntryPosted
from domain.ledger.postings import Posting
from domain.money import Money
from domain.orders.events import (
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    OrderPartiallyFilled,
    OrderTerms,
)
from domain.sealing.merkle import root_of
from domain.sealing.notes import Checkpoint, VerifierKey, signed

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
ORIGIN = "evenkeel.example/log"
ENVELOPES = Envelopes()


@dataclass(frozen=True)
class Signer:
    """One signing key."""

    private: Ed25519PrivateKey
    name: str = ORIGIN

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def note(self, leaves: Sequence[bytes], *, origin: str = ORIGIN) -> str:
        """A checkpoint over these events."""
        root = root_of(event_hash(leaf) for leaf in leaves)
        return str(signed(Checkpoint(origin, len(leaves), root).text, (self.key, self.private.sign)))


SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@dataclass
class Log:
    """Events in log order, as stored bytes."""

    lines: list[bytes] = field(default_factory=list)
    heads: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def add(self, stream: str, *events: Any) -> None:
        for event in events:
            self._store(stream, lambda *place, e=event: ENVELOPES.write(e, *place)[1])

    def add_raw(self, stream: str, name: str, data: dict[str, Any], schema: int = 1) -> None:
        """What no product of today would write, but chained as it would."""
        envelope = {"name": name, "schema": schema, "stream": stream, "version": 0}
        envelope |= {"recorded_at": "2024-05-01T12:00:00Z", "actor": "a"}
        envelope |= dict.fromkeys(("command_id", "correlation_id", "causation_id", "prev"), "c")

        def write(stream: str, version: int, prev: bytes, metadata: Metadata) -> bytes:
            event = envelope | {"version": version, "prev": prev.hex(), "data": data}
            return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()

        self._store(stream, write)

    def _store(self, stream: str, write: Callable[[str, int, bytes, Metadata], bytes]) -> None:
        version, prev = self.heads.get(stream, (0, NO_EVENT))
        metadata = Metadata(
            recorded_at_utc=AT, actor="acc-1", command_id="c", correlation_id="c", causation_id="c"
        )
        line = write(stream, version + 1, prev, metadata)
        self.lines.append(line)
        self.heads[stream] = version + 1, event_hash(line)

    def entry(
        self,
        entry_id: str,
        kind: str,
        *legs: tuple[str, str, str],
        order: str = "",
        book: str = "b-1",
        fee: Money | None = None,
        reverses: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        postings = tuple(Posting(account, asset, Decimal(amount)) for account, asset, amount in legs)
        entry = EntryPosted(
            entry_id=entry_id,
            kind=kind,
            postings=postings,
            effective_at_utc=AT,
            reference=order,
            venue_fee=fee,
            reverses=reverses,
            reason=reason,
            metadata=metadata or {},
        )
        self.add(f"book:{book}", entry)

    def reverse(self, entry_id: str, *legs: tuple[str, str, str], order: str = "", **other: Any) -> None:
        """A reversal of that entry, with these legs."""
        id = f"reversal:{entry_id}" + (f":{order}" if entry_id.startswith("fill:") else "")
        told = {"reverses": entry_id, "reason": "a mistake", **other}
        self.entry(id, "reversal", *legs, order=order, **told)

    def moved(self, entry_id: str, kind: str, source: str, target: str, amount: str, asset: str) -> None:
        legs = (source, asset, amount), (target, asset, str(-Decimal(amount)))
        self.entry(entry_id, kind, *legs, order=entry_id.partition(":")[2])

    def intend(self, order: str, terms: OrderTerms, *, book: str = "b-1") -> None:
        self.add(
            f"order:{order}",
            OrderIntended(
                client_order_id=order,
                owner_id="acc-1",
                book_id=book,
                bot_id="bot-1",
                signal_id="bot-1:1:0",
                venue="paper",
                venue_account="paper:b-1",
                terms=terms,
                decision_price=Decimal(50_000),
                intended_at_utc=AT,
            ),
        )

    def accept(self, order: str) -> None:
        accepted = OrderAccepted(client_order_id=order, venue_order_id="v-1", accepted_at_utc=AT)
        self.add(f"order:{order}", accepted)

    def cancel(self, order: str) -> None:
        canceled = OrderCanceled(client_order_id=order, reason="enough", canceled_at_utc=AT)
        self.add(f"order:{order}", canceled)

    def fill(self, order: str, trade: str, quantity: str, quote: str, fee: Money, *, last: bool) -> None:
        kind = OrderFilled if last else OrderPartiallyFilled
        event = kind(
            client_order_id=order,
            venue_trade_id=trade,
            base_quantity=Decimal(quantity),
            price_quote_per_base=Decimal(50_000),
            quote_amount=Decimal(quote),
            fee=fee,
            slippage_bps=Decimal(0),
            traded_at_utc=AT,
        )
        self.add(f"order:{order}", event)


BUY = OrderTerms(symbol="BTC/USDT", side="buy", order_type="market", quote_budget=Decimal(500))
SELL = OrderTerms(symbol="BTC/USDT", side="sell", order_type="market", base_quantity=Decimal("0.004"))
HELD, BOT, FREE, CUSTODY = "owner:held:o-1", "owner:bot:bot-1", "owner:available", "custody:paper:b-1"


def story() -> Log:
    """Funded, allocated, bought in two fills, the rest released; then half of a sale that is still open."""
    log = Log()
    registered = AccountRegistered(
        account_id="acc-1", roles=("trader",), identity_commitment="ab", registered_at_utc=AT
    )
    log.add("account:acc-1", registered)
    opened = BookOpened(
        book_id="b-1", owner_id="acc-1", purse="PAPER", venue_account="paper:b-1", opened_at_utc=AT
    )
    log.add("book:b-1", opened)
    log.moved("opening:USDT", "paper_funding", CUSTODY, FREE, "1000", "USDT")
    log.moved("allocation-1", "allocation", FREE, BOT, "1000", "USDT")
    log.add("bot:bot-1", BotStarted(run=1, after_candle_ms=None, started_at_utc=AT))
    log.add("bot:bot-1", BotPaused(reason='so "it" is:\n\u00e9\x01\u2028 \U0001f600', paused_at_utc=AT))
    log.moved(
        "hold:o-1", "hold", BOT, HELD, "500", "USDT"
    )  # before its order: one append, streams in any order
    log.intend("o-1", BUY)
    log.accept("o-1")
    fee = Money(Decimal("0.2"), "USDT")
    legs = (
        (HELD, "USDT", "200.2"),
        (CUSTODY, "USDT", "-200.2"),
        (CUSTODY, "BTC", "0.0040"),
        (BOT, "BTC", "-0.0040"),
    )
    log.entry("fill:t-1", "fill", *legs, order="o-1", fee=fee)
    log.fill("o-1", "t-1", "0.0040", "200", fee, last=False)
    legs = (
        (HELD, "USDT", "200"),
        (CUSTODY, "USDT", "-200"),
        (CUSTODY, "BTC", "0.003996"),
        (BOT, "BTC", "-0.003996"),
    )
    in_base = Money(Decimal("0.000004"), "BTC")
    log.fill("o-1", "t-2", "0.004", "200", in_base, last=True)
    log.entry("fill:t-2", "fill", *legs, order="o-1", fee=in_base)
    log.moved("release:o-1", "release", HELD, BOT, "99.8", "USDT")
    log.moved("hold:o-2", "hold", BOT, "owner:held:o-2", "0.004", "BTC")
    log.intend("o-2", SELL)
    none = Money(Decimal(0), "USDT")
    log.fill("o-2", "t-3", "0.002", "102", none, last=False)
    legs = (
        (CUSTODY, "BTC", "-0.002"),
        ("owner:held:o-2", "BTC", "0.002"),
        (CUSTODY, "USDT", "102"),
        (BOT, "USDT", "-102"),
    )
    log.entry("fill:t-3", "fill", *legs, order="o-2")
    return log


def export(
    directory: Path,
    lines: Sequence[bytes],
    notes: Iterable[str],
    *,
    positions: Sequence[str] | None = None,
    origin: str = ORIGIN,
) -> Path:
    """The directory that `log export` makes."""
    directory.mkdir(exist_ok=True)
    notes = list(notes)
    places = positions or [f"0-{2 * n + 3}" for n in range(len(lines))]  # ids have holes
    manifest = {"format": 1, "origin": origin, "events": len(lines), "checkpoints": len(notes)}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / "events.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    told = [f'{{"index":{n},"position":"{place}"}}\n' for n, place in enumerate(places)]
    (directory / "positions.ndjson").write_text("".join(told))
    (directory / "checkpoints.ndjson").write_text("".join(json.dumps(note) + "\n" for note in notes))
    return directory


def sealed(lines: Sequence[bytes], *sizes: int, signer: Signer = SIGNER) -> list[str]:
    """Checkpoints at these sizes; without any, after the fifth event and at the end."""
    return [signer.note(lines[:size]) for size in sizes or (5, len(lines))]
