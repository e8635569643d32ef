"""Whether this process can serve, and how each of its parts is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil

from adapters.persistence.database import SCHEMA_VERSION, Database
from application.services import Check
from entrypoints.maintenance import DatabaseMaintenance

OK, DEGRADED, FAILED = "ok", "degraded", "failed"


@dataclass(slots=True)
class PlatformHealth:
    """A Health over an open database, and over the worker where one runs in this process.

    `worker_age_s` says how long ago the newest worker gave a sign of life; None where none ever did.
    """

    database: Database
    maintenance: DatabaseMaintenance
    most_lag_events: int
    oldest_heartbeat_s: float
    worker_age_s: Callable[[], float | None] = lambda: None
    connectors: Callable[[], Mapping[str, str]] = dict  # by name: what is wrong, "" for nothing
    bot_ages_s: Callable[[], Mapping[str, float]] = dict
    started: float = field(default_factory=monotonic)

    def ready(self) -> Sequence[Check]:
        return [self._database(), self._schema(), self._projections(), self._worker()]

    def details(self) -> Mapping[str, Any]:
        process = psutil.Process()
        memory = process.memory_info()
        return {
            "version": version("evenkeel"),
            "pid": os.getpid(),
            "uptime_s": round(monotonic() - self.started, 1),
            "memory": {"resident_bytes": memory.rss, "share_percent": round(process.memory_percent(), 2)},
            "threads": process.num_threads(),
            "checks": [
                {"name": check.name, "status": check.status, "detail": check.detail} for check in self.ready()
            ],
            "database": self._described(),
            "connectors": [
                {"name": name, "status": DEGRADED if problem else OK, "detail": problem}
                for name, problem in sorted(self.connectors().items())
            ],
            "bots": [
                {"bot_id": bot_id, "heartbeat_age_s": round(age, 1)}
                for bot_id, age in sorted(self.bot_ages_s().items())
            ],
        }

    def _database(self) -> Check:
        try:
            described = self.database.describe()
        except Exception as problem:  # noqa: BLE001  # whatever it is, the database does not answer
            return Check("database", FAILED, f"{type(problem).__name__}: does not answer")
        return Check("database", OK, f"{described['engine']} {described['version']}")

    def _schema(self) -> Check:
        try:
            found = self.database.schema_version()
        except Exception as problem:  # noqa: BLE001
            return Check("schema", FAILED, type(problem).__name__)
        if found != SCHEMA_VERSION:
            needed = f"needs {SCHEMA_VERSION}: run `evenkeel db upgrade`"
            return Check("schema", FAILED, f"at {found or 'none'}, {needed}")
        return Check("schema", OK, found)

    def _projections(self) -> Check:
        try:
            rows = self.maintenance.status()
        except Exception as problem:  # noqa: BLE001
            return Check("projections", FAILED, type(problem).__name__)
        stopped = [row["name"] for row in rows if row["state"] == "stopped"]
        if stopped:
            return Check("projections", FAILED, f"stopped: {', '.join(stopped)}")
        worst = max((row["lag"] for row in rows), default=0)
        if worst > self.most_lag_events:
            return Check("projections", FAILED, f"{worst} events behind, the limit is {self.most_lag_events}")
        return Check("projections", OK, f"{worst} events behind")

    def _worker(self) -> Check:
        try:
            age = self.worker_age_s()
        except Exception as problem:  # noqa: BLE001
            return Check("worker", FAILED, type(problem).__name__)
        if age is None:
            return Check("worker", FAILED, "no worker gives a sign of life; bots do not run")
        if age > self.oldest_heartbeat_s:
            return Check("worker", FAILED, f"last seen {age:.0f} s ago")
        return Check("worker", OK, f"seen {age:.1f} s ago")

    def _described(self) -> Mapping[str, str]:
        try:
            return self.database.describe()
        except Exception as problem:  # noqa: BLE001
            return {"problem": type(problem).__name__}
