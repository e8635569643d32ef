"""Small files that only their owner may read: the demo's sign-in, the way to the running server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def write_private(path: Path, content: Mapping[str, object]) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    draft.replace(path)


def read_private(path: Path) -> dict[str, str] | None:
    """What write_private wrote; None where there is no such file, or half of one."""
    try:
        content: dict[str, str] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return content
