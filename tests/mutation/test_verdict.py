"""What makes `make mutate` fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.mutation.in_process import starts_a_program
from tests.mutation.verdict import AREAS, MONEY, Change, Mutant, by_area, change, explained, faults, tried

PAGE = """
# Mutation testing

### `domain.money.text`

Digits are digits.

```diff
- return plain.rstrip("0")
+ return plain.rstrip("00")
```

Says the same.

### `domain.money.add`

```diff
- a = 1
+ a = 2
```
"""
DIFF = """--- domain/money.py
+++ domain/money.py
@@ -1,3 +1,3 @@
 def text():
-    return plain.rstrip("0")
+    return plain.rstrip("00")
"""
SAME = Change("domain.money.text", ('return plain.rstrip("0")',), ('return plain.rstrip("00")',))
OTHER = Change("domain.money.add", ("a = 1",), ("a = 2",))


def mutants(function: str, path: str, *codes: int | None) -> list[Mutant]:
    return [Mutant(f"{function}__mutmut_{n}", path, code) for n, code in enumerate(codes, start=1)]


MONEY_MUTANTS = mutants("domain.money.x_text", "domain/money.py", 0, *[1] * 18, 36)
MONEY_SURVIVOR = MONEY_MUTANTS[0].id


def test_nine_of_ten_killed_and_each_survivor_of_money_explained_is_enough() -> None:
    page = PAGE[: PAGE.index("### `domain.money.add`")]
    assert faults(MONEY_MUTANTS, {MONEY_SURVIVOR: SAME}, page) == []


def test_a_survivor_of_money_that_is_not_explained_is_a_fault() -> None:
    (fault,) = faults(MONEY_MUTANTS, {MONEY_SURVIVOR: SAME}, "")
    assert fault == f"{MONEY_SURVIVOR} survives in money arithmetic and is not explained in docs/mutation.md"


def test_an_explanation_of_what_does_not_survive_is_a_fault() -> None:
    (fault,) = faults(MONEY_MUTANTS, {MONEY_SURVIVOR: SAME}, PAGE)
    assert fault.startswith("docs/mutation.md explains a survivor of domain.money.add that is none")


def test_less_than_nine_of_ten_in_one_area_is_a_fault_whatever_the_others_have() -> None:
    verifier = mutants("entrypoints.auditor.verify.x_main", "entrypoints/auditor/verify.py", 0, 33, *[1] * 17)
    (fault,) = faults([*MONEY_MUTANTS[1:], *verifier], {}, "")
    assert fault == "verifier: 89.5% of its mutants are killed, which is less than 90%"


def test_what_was_not_tried_is_not_passed_over() -> None:
    untried = mutants("domain.money.x_add", "domain/money.py", None)
    (fault,) = faults([*MONEY_MUTANTS[1:], *untried], {}, PAGE)
    assert fault.startswith("1 mutants were not tried")
    assert faults([], {}, PAGE) == ["there are no mutants"]


def test_a_mutant_is_called_as_people_call_its_function() -> None:
    method = Mutant("domain.ledger.book.xǁBookǁpost__mutmut_12", "domain/ledger/book.py", 1)
    assert method.function == "domain.ledger.book.Book.post"
    assert (
        Mutant("domain.money.x__to_scale__mutmut_1", "domain/money.py", 1).function
        == "domain.money._to_scale"
    )


def test_every_function_of_money_counts_as_such() -> None:
    for name in (
        "domain.money.text",
        "domain.ledger.book.Book.post",
        "entrypoints.auditor.verify.Meaning._post",
    ):
        assert MONEY.fullmatch(name)
    for name in ("domain.sealing.merkle.root_of", "entrypoints.auditor.verify.main"):
        assert not MONEY.fullmatch(name)


def test_a_diff_is_read_as_the_page_writes_it() -> None:
    assert change("domain.money.text", DIFF) == SAME
    assert explained(PAGE) == {SAME, OTHER}


def test_what_mutmut_keeps_is_found(tmp_path: Path) -> None:
    meta = tmp_path / "domain" / "money.py.meta"
    meta.parent.mkdir()
    meta.write_text(json.dumps({"exit_code_by_key": {"domain.money.x_add__mutmut_1": 1}}))
    assert tried(tmp_path) == [Mutant("domain.money.x_add__mutmut_1", "domain/money.py", 1)]
    elsewhere = Mutant("a.x_b__mutmut_1", "a.py", 1)
    assert by_area([elsewhere, *tried(tmp_path)]) == {"a.py": [elsewhere], "ledger": tried(tmp_path)}


def test_every_area_is_code_that_there_is() -> None:
    assert [begin for begins in AREAS.values() for begin in begins if not (ROOT / begin).exists()] == []


def test_only_what_runs_in_this_process_is_chosen(request: pytest.FixtureRequest) -> None:
    assert not starts_a_program(request.node)
    auditors = ROOT / "tests" / "entrypoints" / "auditor" / "test_verify.py"
    module = pytest.Module.from_parent(request.session, path=auditors)
    chosen = {
        item.name: starts_a_program(item) for item in module.collect() if isinstance(item, pytest.Function)
    }
    assert chosen["test_a_failure_is_one_sentence_and_exit_code_1"]
    assert not chosen["test_an_untouched_export_holds"]
