"""Small files that only their owner may read: the demo's sign-in, the way to the running server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import BufferedWriter
from pathlib import Path
from typing import Literal

from adapters.persistence.database_url import sqlite_path
from entrypoints.settings import Settings


def data_folder(settings: Settings) -> Path:
    """The folder of the SQLite file, else the data folder: where passwords, keys and addresses are kept."""
    path = sqlite_path(settings.database)
    return settings.data_dir if path is None else path.absolute().parent


def private(path: Path, mode: Literal["wb", "ab"]) -> BufferedWriter:
    """Open a file for writing that is of mode 0600 where it is made."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))  # Path.open has no opener


def write_private(path: Path, content: Mapping[str, object]) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    draft.replace(path)


def read_private(path: Path, *names: str) -> dict[str, str] | None:
    """What write_private wrote; None where there is no such file, half of one, or one without those names."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(content, dict) or not content.keys() >= set(names):
        return None
    return content
