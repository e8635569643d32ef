"""Requests nobody would think of, made up from the schema: answered as it says, and none with a 500."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode

from tests.adapters.http.stack import BASE_URL, Response, open_stack
from tests.adapters.http.test_problems import is_problem

EXAMPLES = 10  # of each operation
NOT_ASKED = {
    "GET /v1/events",  # its answer does not end
    "DELETE /v1/sessions/current",  # all others would be signed out
}
NEVER_WRONG = {"GET /v1/audit/liabilities/{publication_id}"}  # open to all, and any text may be an id


@dataclass
class Asker:
    """Somebody with every role, a funded account and a bot, who asks whatever is made up."""

    runner: asyncio.Runner
    schema: Any
    client: Any
    token: str
    ids: dict[str, str]

    def ask(self, case: Case[Any]) -> Response:
        """Send it, with ids that exist: what follows an unknown one is soon told."""
        for name, value in self.ids.items():
            if name in case.path_parameters:
                case.path_parameters[name] = value
        made_up = case.as_transport_kwargs(base_url=BASE_URL)
        return self.runner.run(
            self.client.request(
                made_up["method"],
                made_up["url"],
                params=made_up.get("params"),
                headers={**made_up["headers"], "Authorization": f"Bearer {self.token}"},
                json=made_up.get("json"),
                content=made_up.get("data"),
            )
        )


@pytest.fixture
def asker() -> Iterator[Asker]:
    with asyncio.Runner() as runner:
        open_until_then = AsyncExitStack()
        stack = runner.run(open_until_then.enter_async_context(open_stack()))
        person = runner.run(stack.person("everyone@example.org", "operator", "admin", "auditor"))
        account = runner.run(person.paper_account("1000 USDT"))
        bot = runner.run(person.bot(paper_account_id=account))
        document = runner.run(stack.client.get("/schema/openapi.json")).json()
        ids = {"paper_account_id": account, "book_id": account, "bot_id": bot}
        yield Asker(runner, schemathesis.openapi.from_dict(document), stack.client, person.token, ids)
        runner.run(open_until_then.aclose())


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_asked_is_answered_as_the_schema_says(asker: Asker, mode: GenerationMode) -> None:
    """Status, body and headers are held against the schema by the client, see documented.py."""
    asked = set()
    for found in asker.schema.get_all_operations():
        operation = found.ok()
        takes_something = operation.body or operation.query or operation.headers or operation.path_parameters
        can_be_wrong = takes_something and operation.label not in NEVER_WRONG
        if operation.label in NOT_ASKED or (mode is GenerationMode.NEGATIVE and not can_be_wrong):
            continue

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            answer = asker.ask(case)
            if answer.status_code >= 500:
                assert is_problem(answer, 503, "read_models_behind")  # a position that is yet to come

        ask()
        asked.add(operation.label)
    assert len(asked) > 35
