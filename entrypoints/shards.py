"""Several shards in one process: each opened like a database of its own, and one container in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dependency_injector import providers

from adapters.persistence.event_log import EventStore
from adapters.persistence.recorders.base import Reader
from adapters.persistence.recorders.postgres import PostgresReader
from adapters.persistence.shard_layout import Shard
from adapters.persistence.shards.elsewhere import Elsewhere
from adapters.persistence.shards.log import ShardedBus, ShardedLog
from adapters.persistence.shards.routing import Directory
from adapters.persistence.shards.seals import OfNoShard
from adapters.persistence.shards.venue import ShardedPaperAccounts, ShardedStatements
from adapters.persistence.shards.views import ShardedReadModels
from application.ports.event_log import EventLog
from application.streams import empty_state
from application.venue_accounts.keys import StoredVenueKeys
from application.work import Versioned
from entrypoints.maintenance import ShardedMaintenance
from entrypoints.settings import Settings

Container = Any
"""composition.Container, which knows this module."""

SHARED = (
    "clock",
    "metrics",
    "candles",
    "identities",
    "sessions",
    "vault",
    "venue_observer",
    "import_candles",
    "download_candles",
)
"""What is nobody's in particular and so on the first shard, or not in the database at all."""


LIABILITIES = "proofs of liabilities: their tree and totals are of one log"


@contextmanager
def opened_shards(container: type[Any], settings: Settings, plan: Any) -> Iterator[Container]:
    """The platform over all shards. Errors: those of open_database; and then none stays open."""
    readers: list[Reader] = []
    with ExitStack() as stack:
        cells: list[Container] = []
        for number in range(settings.shards):
            cell = _cell(container, settings, plan, number, readers, cells)
            stack.callback(cell.shutdown_resources)
            cell.init_resources()
            cells.append(cell)
        readers += [PostgresReader(cell.database()) for cell in cells]
        yield _in_front(container(settings=settings, plan=plan), cells)


def _cell(
    container: type[Any],
    settings: Settings,
    plan: Any,
    number: int,
    readers: list[Reader],
    before: Sequence[Container],
) -> Container:
    """One shard, which reads the platform and other owners' accounts where they are."""
    cell = container(settings=settings, plan=plan)
    cell.shard.override(providers.Object(Shard(number, settings.shards)))
    cell.elsewhere.override(providers.Object(Elsewhere(number, readers)))
    for name in SHARED if before else ():
        getattr(cell, name).override(getattr(before[0], name))
    vault = (before[0] if before else cell).vault
    cell.venue_keys.override(providers.Singleton(StoredVenueKeys, providers.Object(Anywhere(before)), vault))
    cell.metrics()  # before anything reports to it
    return cell


class Anywhere:
    """Venue accounts on whichever shard they are: a pooled one's key is used by all. `cells` may grow."""

    def __init__(self, cells: Sequence[Container]) -> None:
        self._cells = cells

    def load(self, stream: str) -> Versioned:
        logs: list[EventLog] = [cell.log() for cell in self._cells]
        found = (log.load(stream) for log in logs)
        return next((one for one in found if one.version), Versioned(0, empty_state(stream)))


def _in_front(front: Container, cells: Sequence[Container]) -> Container:
    """What a face works with: whoever asks need not know that there are several."""
    logs = [cell.log() for cell in cells]
    directory = Directory(logs)
    first = cells[0]
    given: dict[str, Any] = {name: getattr(first, name) for name in SHARED}
    given |= {name: getattr(first, name) for name in ("database", "leases", "notifier", "venues")}
    made = {
        "cells": tuple(cells),
        "store": _any_shut(cells),
        "log": ShardedLog(logs, directory),
        "bus": ShardedBus([cell.bus() for cell in cells], directory),
        "views": ShardedReadModels([cell.views() for cell in cells], directory),
        "exchange": ShardedPaperAccounts([cell.exchange() for cell in cells], directory),
        "venue_statements": ShardedStatements([cell.venue_statements() for cell in cells], directory),
        "seals": OfNoShard("a checkpoint or proof; `evenkeel log … --shard` asks one"),
        "liabilities": OfNoShard(LIABILITIES),
        "maintenance": ShardedMaintenance([cell.maintenance() for cell in cells]),
    }
    for name, provider in (given | {name: providers.Object(value) for name, value in made.items()}).items():
        getattr(front, name).override(provider)
    for cell in cells:  # a pooled account's books are on several: one shard's alone would never agree with it
        cell.account_check.override(front.account_check)
    return front


def _any_shut(cells: Sequence[Container]) -> EventStore:
    """The store to ask whether the log may be written: it may not where one shard may not."""
    stores: list[EventStore] = [cell.store() for cell in cells]
    return next((store for store in stores if store.shut), stores[0])
