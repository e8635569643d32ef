"""What a command makes its caller wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

HEAVY = (
    "alembic",
    "ccxt",
    "httpx",
    "litestar",
    "psycopg",
    "pyarrow",
    "sentry_sdk",
    "sqlalchemy",
    "structlog",
    "uvicorn",
)
WEB_AND_VENUES = ("alembic", "ccxt", "httpx", "litestar", "pyarrow", "sentry_sdk", "uvicorn")
PROGRAM = """
import json, sys
from entrypoints.cli import main
sys.argv = ["evenkeel", *json.loads(sys.argv[1])]
try:
    main()
finally:
    sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def loaded_by(words: tuple[str, ...], folder: Path) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, json.dumps(words)]
    environment = {"PYTHONPATH": str(ROOT), "EVENKEEL_DATA_DIR": str(folder)}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    return set(json.loads(ran.stderr))


@pytest.mark.parametrize(
    "words",
    [("--help",), ("log", "--help"), ("demo", "--help"), ("serve", "--help"), ("data", "download", "--help")],
    ids=" ".join,
)
def test_help_waits_for_no_library(words: tuple[str, ...], tmp_path: Path) -> None:
    assert loaded_by(words, tmp_path) & set(HEAVY) == set()


def test_a_command_that_looks_waits_for_the_database_only(tmp_path: Path) -> None:
    loaded_by(("kill-switch", "engage", "--reason", "a test"), tmp_path)
    for words in (("log", "tail"), ("ledger", "balances", "--json"), ("bots", "list"), ("db", "current")):
        assert loaded_by(words, tmp_path) & set(WEB_AND_VENUES) == set(), words
