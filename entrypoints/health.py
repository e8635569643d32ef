"""Whether this process can serve, and how each of its parts is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil

from adapters.persistence.database import SCHEMA_VERSION, Database
from application.connectors import CANDLES, DEGRADED, OK, UNKNOWN, Connector
from application.services import Check
from entrypoints.backup_age import BackupWatch
from entrypoints.maintenance import DatabaseMaintenance
from entrypoints.seal_status import SealingOfShards, SealingStatus

FAILED = "failed"
_ELSEWHERE = "how it is, is known only to that worker's own process: see its metrics"


@dataclass(slots=True)
class PlatformHealth:
    """A Health over an open database, and over the worker where one runs in this process.

    `worker_age_s` says how long ago the newest worker gave a sign of life; None where none ever did.
    `connectors` are this process's own; `followers` says which worker follows each series, here or elsewhere.
    """

    database: Database
    maintenance: DatabaseMaintenance
    most_lag_events: int
    oldest_heartbeat_s: float
    oldest_seal_s: float
    worker_age_s: Callable[[], float | None] = lambda: None
    worker_problem: Callable[[], str] = str  # why its last look at the bots failed, "" where it did not
    connectors: Callable[[], Sequence[Connector]] = list
    followers: Callable[[], Mapping[str, str]] = dict
    bot_ages_s: Callable[[], Mapping[str, float]] = dict
    shut: str = ""  # why nothing is written to the log
    sealing: SealingStatus | SealingOfShards | None = None  # where the sealer runs in this process
    backups: BackupWatch | None = None
    seal_lag: Callable[[], tuple[int, float]] | None = None  # where it runs in another
    started: float = field(default_factory=monotonic)

    def ready(self) -> Sequence[Check]:
        checks = [self._database(), self._schema(), self._projections()]
        if self.shut:
            return [*checks, Check("log", FAILED, f"open for reading only: {self.shut}")]
        if self.sealing is not None:
            checks.append(_sealed(self.sealing, self.oldest_seal_s))
        elif self.seal_lag is not None:
            checks.append(self._sealed_elsewhere(self.seal_lag))
        if self.backups is not None:
            checks.append(_backed_up(self.backups))
        return [*checks, self._worker()]

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
            "connectors": [_shown(connector) for connector in self._connectors()],
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

    def _sealed_elsewhere(self, seal_lag: Callable[[], tuple[int, float]]) -> Check:
        """Never failed: a sealer that is away must not take every API with it."""
        try:
            size, age = seal_lag()
        except Exception as problem:  # noqa: BLE001
            return Check("sealing", DEGRADED, type(problem).__name__)
        sealed = f"{size} events under the newest checkpoint"
        if age > self.oldest_seal_s:
            limit = f"the limit is {self.oldest_seal_s:g} s: see to the sealer"
            return Check("sealing", DEGRADED, f"{sealed}, the next one waits for {age:.0f} s, {limit}")
        return Check("sealing", OK, f"{sealed}, the oldest one that is not waits for {age:.1f} s")

    def _worker(self) -> Check:
        try:
            age = self.worker_age_s()
        except Exception as problem:  # noqa: BLE001
            return Check("worker", FAILED, type(problem).__name__)
        if age is None:
            return Check("worker", FAILED, "no worker gives a sign of life; bots do not run")
        failure = self.worker_problem()
        why = f"; its last look at the bots failed: {failure}" if failure else ""
        if age > self.oldest_heartbeat_s:
            return Check("worker", FAILED, f"last seen {age:.0f} s ago{why}")
        return Check("worker", DEGRADED if failure else OK, f"seen {age:.1f} s ago{why}")

    def _connectors(self) -> Sequence[Connector]:
        own = list(self.connectors())
        try:
            followers = self.followers()
        except Exception:  # noqa: BLE001  # the database is away, as the checks say; what is known here is shown
            followers = {}
        known = {connector.name for connector in own}
        return own + [
            Connector(kind=CANDLES, name=name, worker=worker, status=UNKNOWN, detail=_ELSEWHERE)
            for name, worker in sorted(followers.items())
            if name not in known
        ]

    def _described(self) -> Mapping[str, str]:
        try:
            return self.database.describe()
        except Exception as problem:  # noqa: BLE001
            return {"problem": type(problem).__name__}


def _sealed(sealing: SealingStatus | SealingOfShards, oldest_s: float) -> Check:
    """Degraded while something is wrong, or there is no key: the log is still served. Failed where a sealer
    has got nothing done for long: what is not sealed can be lost unseen."""
    age = sealing.age_s
    seen = "never sealed so far" if age is None else f"last sealed to its end {age:.1f} s ago"
    if sealing.is_running and sealing.silent_s > oldest_s:
        why = f": {sealing.problem}" if sealing.problem else ", and the sealer does not say why"
        return Check("sealing", FAILED, f"{seen}, the limit is {oldest_s:g} s{why}")
    if sealing.problem:
        return Check("sealing", DEGRADED, f"{seen}: {sealing.problem}")
    if sealing.sinks_behind:
        return Check("sealing", DEGRADED, f"{seen}; no checkpoint reaches {_behind(sealing)}")
    return Check("sealing", OK, f"{sealing.size} events under the newest checkpoint, {seen}")


def _behind(sealing: SealingStatus | SealingOfShards) -> str:
    lags = sealing.lags_s()
    return "; ".join(
        f"{name} for {lags.get(name) or 0:.0f} s: {problem}"
        for name, problem in sorted(sealing.sinks_behind.items())
    )


def _backed_up(backups: BackupWatch) -> Check:
    new_enough, words = backups.look()
    return Check("backup", OK if new_enough else DEGRADED, words)


def _shown(connector: Connector) -> Mapping[str, Any]:
    age, at = connector.last_candle_age_s, connector.last_problem_at
    return {
        **asdict(connector),
        "last_candle_age_s": None if age is None else round(age, 1),
        "last_problem_at": None if at is None else at.isoformat(),
    }
