"""The command line: `evenkeel`."""

from __future__ import annotations

import gc
import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line that this process was started with."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  # None where it was closed by who started us
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know every letter
    gc.set_threshold(50_000, 20, 50)  # imports make much that stays: walking it again and again takes long
    try:
        from entrypoints.cli.commands import app  # takes a moment, in which Ctrl-C may come

        app()
    except KeyboardInterrupt:
        sys.stderr.write("evenkeel: interrupted\n")
        sys.exit(130)
