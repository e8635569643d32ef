"""`evenkeel …` as processes that can be killed, and what they wrote.

They are forked from a server that has imported the command line already: an import takes longer than most
commands do. Everything else is as when the installed program is started; tests/entrypoints starts that.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.e2e import child

PATIENCE_S = 90.0  # of a machine that has other things to do
_LOOK_S = 0.005

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["entrypoints.cli.commands", "entrypoints.serve", "tests.e2e.child"])


class Process:
    """One running `evenkeel …`."""

    def __init__(self, words: tuple[str, ...], folder: Path, variables: dict[str, str]) -> None:
        folder.mkdir(parents=True)
        self.folder, self.words = folder, words
        given = {"EVENKEEL_DATA_DIR": str(folder / "var"), **variables}
        self._process = _context.Process(target=child.run, args=(list(words), str(folder), given))
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def out(self) -> str:
        return self._read("out")

    @property
    def err(self) -> str:
        return self._read("err")

    @property
    def json(self) -> Any:
        assert self.code == 0, f"evenkeel {' '.join(self.words)} -> {self.code}\n{self.out}\n{self.err}"
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The log, line by line."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def ended(self) -> bool:
        return self._process.exitcode is not None

    @property
    def code(self) -> int:
        """The exit code, once it has ended; minus the signal that killed it."""
        self._process.join(PATIENCE_S)
        code = self._process.exitcode
        assert code is not None, f"evenkeel {' '.join(self.words)} does not end\n{self.err[-3000:]}"
        return code

    def kill(self) -> int:
        return self.signal(signal.SIGKILL)

    def signal(self, number: int) -> int:
        """Send it, wait for the end, and answer the exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.code

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition answers, once that is true; an end of the process before then is a failure."""

        def alive_and() -> Any:
            if self.ended:
                raise AssertionError(f"ended ({self.code}) before {what}\n{self.out}\n{self.err[-3000:]}")
            return condition()

        return until(alive_and, what)

    def close(self) -> None:
        if not self.ended:
            self._process.kill()
            self._process.join(PATIENCE_S)
        self._process.close()

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return ""  # it has hardly begun


def until(condition: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Ask again and again until the answer is true; it is returned. Fails when patience is at its end."""
    deadline = time.monotonic() + patience_s
    for attempt in itertools.count():
        if answer := condition():
            return answer
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(min(_LOOK_S * (attempt + 1), 0.05))
    raise AssertionError


def in_the_end(holds: Callable[[], None], *, patience_s: float) -> None:
    """The same of assertions: what holds once is asked no more. Raises what still does not at the end."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return holds()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_S * 10)


class Evenkeel:
    """Starts commands, each in a folder of its own; whatever still runs at the end is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count(1)
        self._started: list[Process] = []

    def start(self, *words: str, **variables: str) -> Process:
        folder = self._folder / f"{next(self._numbers)}-{words[0]}"
        self._started.append(Process(words, folder, variables))
        return self._started[-1]

    def run(self, *words: str, **variables: str) -> Process:
        """To its end."""
        process = self.start(*words, **variables)
        assert process.code is not None
        return process

    def json(self, *words: str, **variables: str) -> Any:
        """What it answers; it must succeed."""
        return self.run(*words, "--json", **variables).json

    def serve(self, database_url: str, *words: str, **variables: str) -> Server:
        """A server that answers requests."""
        ports = ("--port", "0", "--metrics-port", "0")
        process = self.start("serve", *ports, "--json", "--database-url", database_url, *words, **variables)
        shown = json.loads(process.until(lambda: process.out.strip(), "the banner"))
        return Server(process, shown)

    def close(self) -> None:
        for process in self._started:
            process.close()


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Evenkeel]:
    """Commands for the length of the block; none of them outlives it."""
    commands = Evenkeel(folder)
    try:
        yield commands
    finally:
        commands.close()


class Server:
    """A served platform, and what its banner says."""

    def __init__(self, process: Process, banner: dict[str, Any]) -> None:
        self.process, self.banner = process, banner
        self.address: str = banner["address"]

    def client(self, token: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def ready(self) -> dict[str, Any]:
        """Wait until /readyz says so."""

        def ask() -> dict[str, Any] | None:
            with self.client() as client:
                answer = client.get("/readyz")
            return answer.json() if answer.status_code == 200 else None

        found: dict[str, Any] = self.process.until(ask, "/readyz")
        return found

    def metrics(self) -> str:
        return httpx.get(self.banner["metrics"], timeout=PATIENCE_S, trust_env=False).text
