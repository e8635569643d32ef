"""How old the newest backup is, as doctor, health and metrics show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from entrypoints.backups import MANIFEST, BackupUnusable, read_backup
from entrypoints.settings import Settings


@dataclass(frozen=True, slots=True)
class BackupWatch:
    """The backups in one folder, a directory each."""

    folder: Path
    longest_h: float

    def age_s(self) -> float:
        """Of the newest whole one; infinite where there is none."""
        now = datetime.now(UTC)
        ages = (
            (now - made).total_seconds()
            for path in self.folder.glob(f"*/{MANIFEST}")
            if (made := _made_at(path.parent))
        )
        return min(ages, default=math.inf)

    def look(self) -> tuple[bool, str]:
        """Whether there is one that is new enough, and what there is."""
        age_h = self.age_s() / 3_600
        if age_h == math.inf:
            return False, f"there is no backup in {self.folder}"
        newest = f"the newest in {self.folder} is {age_h:.1f} h old"
        return age_h <= self.longest_h, f"{newest}, it may be {self.longest_h:g} h"


def backup_watch(settings: Settings) -> BackupWatch | None:
    """None where no folder of backups is named."""
    if settings.backup_dir is None:
        return None
    return BackupWatch(settings.backup_dir, settings.backup_longest_age_h)


def _made_at(folder: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(read_backup(folder).created_at).astimezone(UTC)
    except (BackupUnusable, OSError, ValueError):
        return None  # broken, or not ours to read: it is none to count on
