"""The domain has no clock, no randomness, no I/O and, outside its strategies, no float."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, copy_of_the_code, program

FORBIDDEN_CALLS = {
    "open",
    "print",
    "input",
    "exec",
    "eval",
    "__import__",
    "hash",
    "id",
    "globals",
    "breakpoint",
}


def impurities(source: str, *, floats_allowed: bool) -> Iterator[str]:
    """What neither import-linter nor ruff can see: builtins and literals."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id="float") if not floats_allowed:
                yield f"line {node.lineno}: the name float"
            case ast.Constant(value=float() | complex()) if not floats_allowed:
                yield f"line {node.lineno}: the float literal {node.value!r}"
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: a call of {name}"


def floats_allowed(path: Path) -> bool:
    return path.is_relative_to(ROOT / "domain" / "strategies")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "domain").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_domain_module_is_pure(path: Path) -> None:
    assert list(impurities(path.read_text(), floats_allowed=floats_allowed(path))) == []


@pytest.mark.parametrize(
    "source",
    ["x = float('1')", "def f(x: float) -> None: ...", "x = 0.5", "print(1)", "x = hash('a')", "open('f')"],
)
def test_a_planted_impurity_is_found(source: str) -> None:
    assert list(impurities(source, floats_allowed=False))


def test_a_strategy_may_use_floats_but_no_io() -> None:
    assert not list(impurities("x = float('1') * 0.5", floats_allowed=True))
    assert list(impurities("open('f')", floats_allowed=True))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_code(tmp_path_factory.mktemp("tree"))


@pytest.mark.parametrize(
    ("planted", "banned"),
    [
        ("from datetime import UTC, datetime\n\nnow = datetime.now(UTC)\n", "datetime.datetime.now"),
        ("import datetime as dt\n\nnow = dt.datetime.utcnow()\n", "datetime.datetime.utcnow"),
        ("from datetime import date\n\ntoday = date.today()\n", "datetime.date.today"),
        ("from uuid import uuid4\n\nkey = uuid4()\n", "uuid.uuid4"),
        ("import random\n\ndice = random.random()\n", "random"),
        ("from time import time\n\nnow = time()\n", "time"),
        ("import os\n\nhome = os.environ\n", "os"),
        ("import secrets\n\ntoken = secrets.token_hex()\n", "secrets"),
        ("from decimal import getcontext\n\ngetcontext().prec = 8\n", "decimal.getcontext"),
    ],
    ids=lambda text: text if "\n" not in text else None,
)
def test_ruff_refuses_clocks_randomness_and_io_in_the_domain(tree: Path, planted: str, banned: str) -> None:
    file = tree / "domain" / "planted.py"
    file.write_text(planted)

    run = subprocess.run(
        [
            program("ruff"),
            "check",
            "--no-cache",
            "--select",
            "TID251",
            "--output-format",
            "concise",
            str(file),
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1, run.stderr
    assert f"`{banned}` is banned" in run.stdout
