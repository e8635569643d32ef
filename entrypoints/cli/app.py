"""The command `evenkeel` and its groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from entrypoints.cli.output import answer_in_json, leave_output, show_problem
from entrypoints.problems import NOBODY_READS, REFUSED, CheckFailed, is_usual_exit, problem_of


class Told(TyperGroup):
    """Runs a command and tells what went wrong in one line; a traceback is never shown."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        answer_in_json("--json" in args)  # also where the command never gets to see it
        with told():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with told():
            return super().invoke(ctx)


@contextmanager
def told() -> Iterator[None]:
    """Whatever goes wrong inside is told, and becomes its exit code."""
    try:
        yield
    except CheckFailed:
        raise typer.Exit(REFUSED) from None
    except BrokenPipeError:
        leave_output()
        raise typer.Exit(NOBODY_READS) from None
    except (Exception, KeyboardInterrupt) as error:
        if is_usual_exit(error):
            raise
        leave_output()
        problem = problem_of(error)
        show_problem(problem)
        raise typer.Exit(problem.exit_code) from None


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        no_args_is_help=True, help=help_text, rich_markup_mode="markdown", add_completion=False
    )


app = typer.Typer(
    cls=Told,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Evenkeel: trading bots whose books always balance.\n\n"
    "Exit codes: 0 done, 1 refused or a check failed, 2 wrong usage, 3 not available now.",
)
