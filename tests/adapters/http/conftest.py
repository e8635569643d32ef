"""A stack for every test, and two strangers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.adapters.http.stack import Person, Stack, open_stack


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with open_stack() as opened:
        yield opened


@pytest.fixture
async def alice(stack: Stack) -> Person:
    return await stack.person("alice@example.org")


@pytest.fixture
async def bob(stack: Stack) -> Person:
    return await stack.person("bob@example.org")


@pytest.fixture
async def operator(stack: Stack) -> Person:
    return await stack.person("operator@example.org", "operator")
