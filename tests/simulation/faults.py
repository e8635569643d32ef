"""What may go wrong, how often: drawn per seed, and for each seed some of it not at all."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field

DIALS: dict[str, float] = {
    # requests to a venue
    "request_lost": 0.10,
    "answer_lost": 0.12,
    "slow": 0.10,  # the request arrives seconds later, whoever sent it
    "too_often": 0.06,  # 429: proof of nothing done
    "server_error": 0.08,  # 5xx: done or not
    "refused": 0.05,
    "maintenance": 0.05,  # per look of the venue's own
    # what a venue shows and tells
    "invisible": 0.6,  # an order is not shown for a while
    "trades_late": 0.5,
    "resting": 0.8,  # an order is not matched at once
    "news_lost": 0.15,
    "news_twice": 0.15,
    "news_late": 0.3,  # and so out of order
    "stream_gap": 0.05,
    "hostile": 0.08,  # reports of impossible fills
    "foreign": 0.04,  # orders on our account that are not ours, per look of the venue's own
    "fee_in_third_asset": 0.5,  # per venue account
    # processes
    "crash": 0.02,  # at a step between store and venue
    "kill": 0.02,  # at any other time, per look
    "pause": 0.03,  # within a step, past the lease or not
    "clock_skew": 1.0,
    "lease_lost": 0.003,  # per renewal
    # the store
    "commit_unanswered": 0.03,
    "commit_lost": 0.02,
    "store_away": 0.02,  # per look
    "views_behind": 0.05,
    # people
    "asked_twice": 0.5,  # a client's request comes twice, under the same id
}
"""By name: the greatest chance that a seed may give it."""

RARELY_OFF = frozenset({"resting", "clock_skew", "news_late"})


@dataclass(slots=True)
class Faults:
    """The dials of one run."""

    rng: random.Random
    dials: dict[str, float]
    counted: dict[str, int] = field(default_factory=dict)  # how often each one struck
    are_healed: bool = False

    @classmethod
    def drawn(cls, rng: random.Random, only: Collection[str] | None = None) -> Faults:
        """At least two are on; each of the others is off in about every third run. `only`: of those that are
        on, no other strikes.
        """
        names = list(DIALS)
        on = [name for name in names if rng.random() > (0.15 if name in RARELY_OFF else 0.4)]
        if len(on) < 2:
            on = rng.sample(names, 2)
        dials = {name: DIALS[name] * rng.uniform(0.2, 1.0) for name in on}
        return cls(rng, {name: chance for name, chance in dials.items() if only is None or name in only})

    def strikes(self, name: str, times: int = 1) -> bool:
        """Whether it goes wrong this time; `times` as likely as the dial says, where it matters most."""
        chance = self.dials.get(name, 0.0) * times
        if self.are_healed or not chance or self.rng.random() >= chance:
            return False
        self.counted[name] = self.counted.get(name, 0) + 1
        return True

    def is_on(self, name: str) -> bool:
        return name in self.dials

    def heal(self) -> None:
        """From now on nothing goes wrong any more."""
        self.are_healed = True

    def words(self) -> str:
        return ", ".join(f"{name} {chance:.3f}" for name, chance in sorted(self.dials.items()))
