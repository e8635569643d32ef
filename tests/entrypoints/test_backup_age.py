"""How old the newest backup is: doctor, health and metric say it before somebody needs one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.metrics.prometheus import Metrics
from application.queries.moments import iso_utc
from entrypoints.backup_age import BackupWatch
from entrypoints.composition import Plan, opened
from entrypoints.running import metrics_served
from entrypoints.settings import load_settings
from tests.adapters.metrics.test_metrics import scraped
from tests.entrypoints.conftest import Cli


@pytest.fixture
def backups(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "backups"
    monkeypatch.setenv("EVENKEEL_BACKUP_DIR", str(folder))
    cli("users", "create", "ann@example.org")
    return folder


def made(cli: Cli, folder: Path, name: str, hours_ago: float) -> None:
    assert cli("backup", "create", "--output", str(folder / name)).code == 0
    path = folder / name / "backup.json"
    then = datetime.now(UTC) - timedelta(hours=hours_ago)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created_at": iso_utc(then)}))


def check(cli: Cli) -> tuple[int, str, str]:
    ran = cli("doctor", "--json")
    (found,) = [one for one in ran.json["findings"] if one["name"] == "backup"]
    return ran.code, found["status"], found["detail"]


def health() -> tuple[str, str]:
    with opened(load_settings(), Plan()) as container:
        (found,) = [check for check in container.health().ready() if check.name == "backup"]
    return found.status, found.detail


def test_without_any_it_is_said(cli: Cli, backups: Path) -> None:
    code, status, detail = check(cli)
    assert (code, status, detail) == (1, "FAILED", f"there is no backup in {backups}")
    assert health() == ("degraded", detail)
    assert BackupWatch(backups, 24).age_s() == float("inf")


def test_the_newest_whole_one_counts(cli: Cli, backups: Path) -> None:
    made(cli, backups, "monday", 50)
    assert check(cli)[:2] == (1, "FAILED")
    assert "is 50.0 h old" in health()[1]

    made(cli, backups, "tuesday", 1)
    (backups / "broken").mkdir()
    (backups / "broken" / "backup.json").write_text("{")
    (backups / "half").mkdir()

    _, status, detail = check(cli)
    assert (status, detail) == ("ok", f"the newest in {backups} is 1.0 h old, it may be 24 h")
    assert health() == ("ok", detail)
    assert 3_600 <= BackupWatch(backups, 24).age_s() < 3_660


def test_a_scrape_shows_its_age(cli: Cli, backups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_METRICS_PORT", "0")
    settings = load_settings()
    with opened(settings, Plan()) as container, metrics_served(container, settings):
        metrics: Metrics = container.metrics()
        assert "evenkeel_backup_age_seconds +Inf" in scraped(metrics)
        made(cli, backups, "today", 1)
        (line,) = [line for line in scraped(metrics).splitlines() if line.startswith("evenkeel_backup_age")]
        assert 3_600 <= float(line.split()[1]) < 3_660


def test_where_no_folder_is_named_nothing_is_said(cli: Cli, data_dir: Path) -> None:
    assert "backup" not in [one["name"] for one in cli("doctor", "--json").json["findings"]]
