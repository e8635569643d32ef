"""Real market data and test vectors, which are too large for the repository and lie beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("EVENKEEL_SHARED") or Path(__file__).resolve().parents[1].parent / "shared" / "data"
)


def shared(path: str) -> Path:
    """The file or folder of that name. Where it is absent, the test is skipped and says so."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"real data absent: {path} not in {SHARED} (set EVENKEEL_SHARED to its folder)")
    return found
