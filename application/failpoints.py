"""Named places where a test may end the process: a crash at the worst moment, on purpose.

The fault matrix (safety §4 rows 1-4) sets EVENKEEL_FAILPOINT=name[:nth] in a child process; composition arms
it. In production it is refused, and unarmed a failpoint costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

VARIABLE = "EVENKEEL_FAILPOINT"
OF_A_RUN = ("before_append", "after_append", "after_venue_fill", "mid_projection", "mid_rebuild")
OF_A_TRANSFER = ("transfer_sent", "transfer_received", "transfer_ended")
OF_A_SUBMIT = ("before_submit", "after_submit")
NAMES = OF_A_RUN + OF_A_TRANSFER + OF_A_SUBMIT
"""before_append: decided, nothing stored. after_append: committed, nobody answered. after_venue_fill: the
paper venue committed a fill that the log does not have yet. mid_projection: rows of a page written, not
committed. mid_rebuild: shadow rows written, nothing swapped. transfer_sent: in transit, the receiver's
book was not asked. transfer_received: it answered, the sender's side has not ended. transfer_ended: it has,
the paper venue knows nothing of it yet. before_submit: an order is intended, its request to a real venue
is not made. after_submit: the venue has answered, the log does not know."""

_armed: Callable[[str], None] | None = None


class FailpointRefused(Exception):
    """A failpoint was asked for where there must be none, or by a name that does not exist."""


def failpoint(name: str) -> None:
    """Does nothing, unless this very point was armed and this is its nth hit: then the process dies."""
    if _armed is not None:
        _armed(name)


def arm(environment: Mapping[str, str], *, kill: Callable[[], None], production: bool) -> None:
    """Read EVENKEEL_FAILPOINT once, at start. `kill` must end the process at once (SIGKILL).

    Raises FailpointRefused when it is set in production, or names no known point.
    """
    global _armed
    wanted = environment.get(VARIABLE, "")
    if not wanted:
        _armed = None
        return
    if production:
        raise FailpointRefused(f"{VARIABLE} is set: it kills the process and is refused in production")
    name, _, count = wanted.partition(":")
    if name not in NAMES or not (count or "1").isdecimal():
        raise FailpointRefused(f"{VARIABLE}={wanted}: write one of {', '.join(NAMES)}, as name or name:nth")
    left = int(count or "1")

    def hit(at: str) -> None:
        nonlocal left
        if at == name:
            left -= 1
            if left == 0:
                kill()

    _armed = hit
