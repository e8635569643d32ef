"""Failpoints of a process: named in its environment, refused in production."""

from __future__ import annotations

import os
import signal

from application import failpoints
from entrypoints.settings import Settings


def arm_failpoints(settings: Settings) -> None:
    """Refused in production; elsewhere a named point kills the process, as a crash would."""
    failpoints.arm(
        os.environ,
        kill=lambda: os.kill(os.getpid(), signal.SIGKILL),
        production=settings.is_production,
    )
