"""What runs in a process of its own: the command line, exactly as the installed program calls it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def run(words: list[str], folder: str, variables: Mapping[str, str]) -> None:
    """Become `evenkeel …` in that folder; output goes to the files `out` and `err` there."""
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("EVENKEEL_")]:
        del os.environ[name]
    os.environ.update(variables)
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # as a new process would have them
    sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["evenkeel", *words]
    from entrypoints.cli import main

    main()
