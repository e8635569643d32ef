"""The import contracts hold, and each of them fails when it is broken."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, copy_of_the_code, program


def lint_imports(tree: Path) -> tuple[int, str, set[str]]:
    """Exit code, output, and the names of the broken contracts."""
    run = subprocess.run(
        [program("lint-imports"), "--no-cache", "--no-logo"],
        cwd=tree,
        env={"COLUMNS": "300", "PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = run.stdout + run.stderr
    return run.returncode, output, set(re.findall(r"^(.+?) BROKEN", output, re.MULTILINE))


LAYERS = "entrypoints > adapters > application > domain"
DOMAIN = "The domain imports itself and a listed, deterministic part of the standard library"
APPLICATION = "The application imports the domain, itself and a listed part of the standard library"
ADAPTERS = "No adapter imports another"
CYCLES = "No cycles between sibling packages"
EXCHANGES = "Only adapters.exchanges speaks ccxt"
SOCKETS = "Only adapters.exchanges and adapters.simulator know aiohttp"
DATABASE = "Only adapters.persistence knows the event store library and SQL"
PARQUET = "Only adapters.market_data and adapters.accounting read and write parquet"
WEB = "Only adapters.http knows litestar and the Swagger UI files"
METRICS = "Only adapters.metrics knows prometheus_client"
OBSERVABILITY = "Only adapters.observability knows structlog and sentry_sdk"
PASSWORDS = "Only adapters.secrets knows pwdlib"
SIGNING = "Only adapters.secrets and the auditor's own file know cryptography"
CODEC = "Only adapters.persistence and adapters.http know msgspec"
PROGRAMS = "Only entrypoints know the container, the CLI, the server and its client"

PLANTS = [
    ("domain/planted.py", "import pydantic", DOMAIN),
    ("domain/planted.py", "import random", DOMAIN),
    ("domain/planted.py", "from time import monotonic", DOMAIN),
    ("domain/planted.py", "import math", DOMAIN),  # domain.strategies may
    ("domain/planted.py", "def later():\n    import sqlalchemy.orm", DOMAIN),
    ("domain/planted.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy", DOMAIN),
    ("domain/planted.py", "import application", LAYERS),
    ("application/planted.py", "import ccxt", APPLICATION),
    ("application/planted.py", "import time", APPLICATION),
    ("application/planted.py", "import entrypoints", LAYERS),
    ("adapters/exchanges/planted.py", "import entrypoints", LAYERS),
    ("adapters/exchanges/planted.py", "import adapters.persistence", ADAPTERS),
    ("adapters/market_data/planted.py", "import ccxt", EXCHANGES),
    ("entrypoints/planted.py", "import ccxt", EXCHANGES),
    ("adapters/http/planted.py", "import aiohttp", SOCKETS),
    ("adapters/exchanges/planted.py", "import psycopg", DATABASE),
    ("entrypoints/planted.py", "from sqlalchemy import create_engine", DATABASE),
    ("application/planted.py", "import eventsourcing.persistence", DATABASE),
    ("adapters/http/planted.py", "import pyarrow", PARQUET),
    ("adapters/accounting/names.py", "import pyarrow", PARQUET),  # parquet_table.py may
    ("entrypoints/planted.py", "import litestar", WEB),
    ("adapters/http/planted.py", "import prometheus_client", METRICS),
    ("adapters/http/planted.py", "import structlog", OBSERVABILITY),
    ("adapters/http/planted.py", "import pwdlib", PASSWORDS),
    ("adapters/http/planted.py", "from cryptography import x509", SIGNING),
    ("adapters/exchanges/planted.py", "import msgspec", CODEC),
    ("adapters/http/planted.py", "import dependency_injector.containers", PROGRAMS),
    ("adapters/exchanges/planted.py", "import httpx", PROGRAMS),
    ("domain/planted_a/__init__.py", "import domain.planted_b", CYCLES),
]


def test_the_tree_keeps_its_contracts() -> None:
    code, output, _ = lint_imports(ROOT)
    assert code == 0, output


@pytest.mark.parametrize(
    ("path", "violation", "contract"), PLANTS, ids=[f"{p} {v.splitlines()[-1].strip()}" for p, v, _ in PLANTS]
)
def test_a_planted_violation_breaks_its_contract(
    tmp_path: Path, path: str, violation: str, contract: str
) -> None:
    tree = copy_of_the_code(tmp_path)
    for sibling in ("adapters/persistence/__init__.py", "domain/planted_b.py"):
        plant(tree, sibling, "")
    plant(tree, path, violation)
    if contract == CYCLES:
        plant(tree, "domain/planted_b.py", "import domain.planted_a")

    code, output, broken = lint_imports(tree)

    assert code != 0
    assert contract in broken, output


def test_every_contract_has_a_planted_violation() -> None:
    stated = set(re.findall(r"^name = (.+)$", (ROOT / ".importlinter").read_text(), re.MULTILINE))
    assert stated == {contract for _, _, contract in PLANTS}


def plant(tree: Path, path: str, code: str) -> None:
    """Added at the end of the file; the file and the packages on the way are made where they are missing."""
    file = tree / path
    for folder in list(file.relative_to(tree).parents)[:-1]:
        (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / folder / "__init__.py").touch()
    with file.open("a") as text:
        text.write(f"\n{code}\n")
