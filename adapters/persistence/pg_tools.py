"""PostgreSQL's own pg_dump and pg_restore: found, of a version that fits, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.errors import DomainError

Tool = Literal["pg_dump", "pg_restore"]
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_LOOKED_AT_EVERY_S = 0.2
_DEBIAN = Path("/usr/lib/postgresql")


class PgToolMissing(DomainError, code="pg_tool_missing"):
    """No pg_dump or pg_restore, or none that is new enough."""

    def __init__(self, *, tool: str, needed: int, found: str) -> None:
        super().__init__(
            f"{tool} of PostgreSQL {needed} or newer is needed, {found}; install PostgreSQL's client "
            "programs, or name their folder with --pg-bin or EVENKEEL_PG_BIN"
        )
        self.tool, self.needed, self.found = tool, needed, found


class PgToolFailed(DomainError, code="pg_tool_failed"):
    """pg_dump or pg_restore ended with an error; its last words."""

    def __init__(self, *, tool: str, problem: str) -> None:
        super().__init__(f"{tool}: {problem}")
        self.tool, self.problem = tool, problem


@dataclass(frozen=True, slots=True)
class PgTool:
    """One program."""

    name: Tool
    path: Path
    major: int

    def run(self, url: str, arguments: Sequence[str], tell: Callable[[], None]) -> None:
        """On a database; `tell` is called now and then. No argument shows a password. Raises PgToolFailed."""
        given: dict[str, Any] = dict(conninfo_to_dict(url))
        password = given.pop("password", None)
        given.setdefault("connect_timeout", 5)
        environment = {**os.environ, "LC_ALL": "C"} | ({"PGPASSWORD": str(password)} if password else {})
        command = [str(self.path), "--no-password", f"--dbname={make_conninfo(**given)}", *arguments]
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            process = subprocess.Popen(  # noqa: S603 - a program the operator named or has on PATH
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=environment
            )
            try:
                while _runs(process):
                    tell()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
            said.seek(0)
            words = said.read().strip()
        if process.returncode:
            last = " ".join(words.splitlines()[-3:]) or f"ended with {process.returncode}"
            raise PgToolFailed(tool=self.name, problem=last.removeprefix(f"{self.name}: "))


def find_tool(name: Tool, *, needed: int, folder: Path | None) -> PgTool:
    """The first that is at least of that major version; in `folder` only, where one is given.

    Raises PgToolMissing, which says what was found.
    """
    found = []
    for path in _candidates(name, folder):
        major = _major(path)
        if major >= needed:
            return PgTool(name, path, major)
        found.append(f"{path} is {major or 'of no version'}")
    nothing = f"there is none in {folder}" if folder else "there is none on PATH"
    raise PgToolMissing(tool=name, needed=needed, found=", ".join(found) or nothing)


def _candidates(name: Tool, folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folders = [folder]
    else:
        versions = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit()]
        newest_first = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
        folders = [*map(Path, os.get_exec_path()), *newest_first]
    for one in folders:
        if path := shutil.which(name, path=str(one)):
            yield Path(path)


def _major(path: Path) -> int:
    """0 where it does not say."""
    try:
        ran = subprocess.run(  # noqa: S603
            [str(path), "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _VERSION.search(ran.stdout)
    return int(found[1]) if found else 0


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_LOOKED_AT_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False
