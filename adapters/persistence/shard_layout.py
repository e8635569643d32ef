"""How many shards a PostgreSQL database has: all but the first are schemas, named after which of how many.

Written once, when the database is created (adr 0025). The first shard's tables are where those of a database
of one shard are, so that database is one of these, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.errors import DomainError

MOST_SHARDS = 64
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^evenkeel_shard_'"
_NAME = re.compile(r"evenkeel_shard_([0-9]{1,4})_of_([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a database of `of`."""

    number: int = 0
    of: int = 1

    @property
    def schema(self) -> str:
        """The schema of its tables; "" for the first, whose tables are where the connection finds them."""
        return f"evenkeel_shard_{self.number}_of_{self.of}" if self.number else ""

    @property
    def shadow_schema(self) -> str:
        """Where its read models are folded afresh."""
        return f"{self.schema}_shadow" if self.number else "evenkeel_shadow"


class ShardsDiffer(DomainError, code="shards_differ"):
    """The database was created with another number of shards than EVENKEEL_SHARDS says; it never changes."""

    def __init__(self, *, found: int, asked: int) -> None:
        super().__init__(
            f"the database was created with {shards(found)} and is asked to be opened with {shards(asked)}: "
            f"set EVENKEEL_SHARDS={found}. The number is fixed when a database is created"
        )
        self.found, self.asked = found, asked


class ShardsIncomplete(DomainError, code="shards_incomplete"):
    """Shards of the database are missing or contradict each other: restore it whole."""

    def __init__(self, *, schemas: str) -> None:
        super().__init__(
            f"the shards of the database are not a whole set, there are {schemas}; restore it from a backup"
        )
        self.schemas = schemas


class ShardsNeedPostgres(DomainError, code="shards_need_postgresql"):
    """A SQLite file has one writing process, so it has one shard."""

    def __init__(self, *, asked: int) -> None:
        super().__init__(
            f"EVENKEEL_SHARDS={asked}: a SQLite file has one shard; use PostgreSQL, or leave the setting out"
        )
        self.asked = asked


def shards_among(schemas: Iterable[str]) -> int:
    """How many shards there are, by the names of the schemas. Raises ShardsIncomplete."""
    names = sorted(name for name in schemas if _NAME.fullmatch(name))
    if not names:
        return 1
    count = int(names[0].rpartition("_")[2])
    if names != sorted(Shard(number, count).schema for number in range(1, count)):
        raise ShardsIncomplete(schemas=", ".join(names))
    return count


def shards(count: int) -> str:
    return f"{count} shard" if count == 1 else f"{count} shards"
