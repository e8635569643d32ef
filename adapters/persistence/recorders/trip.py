"""Several statements to PostgreSQL in one round trip, in libpq's own words.

psycopg's pipelined cursors cost five times what an append's short statements take to run: twelve of them
290 µs against 55. What is said here goes out whenever libpq's buffer (8 KiB) is full, so the server works on
a large batch while the next statement's parameters are put together, and a small one costs one send. Nothing
is known before `arrive`; after a statement that fails the server skips the rest, COMMIT included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from types import TracebackType
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

Parameter = bytes | str | int | None
"""Bytes for a %b, text or a number for a %t."""

_PLACEHOLDER = re.compile("%([bt])")
_names = count(1)


class Trip:
    """One trip on a connection that nobody else uses meanwhile. `prepared` is what earlier ones left there.

    Errors: psycopg's, from `arrive` where the server refused. Unless all arrived, the transaction is rolled
    back, or the connection closed where that cannot be.
    """

    def __init__(self, connection: Connection[Any], prepared: dict[str, bytes]) -> None:
        self._connection, self._libpq = connection, connection.pgconn
        self._prepared = prepared
        self._preparing: dict[str, bytes] = {}
        self._awaited: list[bool] = []  # one a result to come; False for those of preparations
        self._departed = self._over = False  # nothing is said any more; no answer is under way any more

    def say(self, statement: str, parameters: Sequence[Parameter] = ()) -> None:
        """Send a statement, whose placeholders are %b (binary) and %t (text)."""
        text, formats = _in_libpq(statement)
        name = self._prepared.get(statement) or self._preparing.get(statement)
        if name is None:
            name = self._preparing[statement] = b"ek%d" % next(_names)
            self._libpq.send_prepare(name, text)
            self._awaited.append(False)
        self._libpq.send_query_prepared(name, [_value(one) for one in parameters], formats)
        self._awaited.append(True)

    def depart(self) -> None:
        """All is said: see it off to the server, which goes on alone from here."""
        self._libpq.pipeline_sync()
        self._departed = True
        if self._libpq.flush():
            self._connection.wait(self._flushed())

    def arrive(self) -> list[PGresult]:
        """Wait for the answers: one a statement, as text."""
        results = self._answers()
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                refusal = error_from_result(result, self._connection.info.encoding)
                if isinstance(refusal, psycopg.errors.InvalidSqlStatementName):
                    self._prepared.clear()  # somebody dropped them: the next trip prepares anew
                raise refusal
        answers = [result for result, asked in zip(results, self._awaited, strict=True) if asked]
        self._prepared.update(self._preparing)
        return answers

    def __enter__(self) -> Trip:
        self._libpq.enter_pipeline_mode()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._libpq.exit_pipeline_mode()
            return
        try:
            with suppress(psycopg.Error):
                if not self._over:
                    self._answers()  # none of which matters any more
                self._libpq.exit_pipeline_mode()
                self._libpq.exec_(b"ROLLBACK")  # psycopg's own would drop what is prepared
                return
            self._connection.close()
        except BaseException:
            self._connection.close()
            raise

    def _answers(self) -> list[PGresult]:
        """All results up to the end of the trip. Raises OperationalError for a lost connection."""
        if not self._departed:
            self.depart()
        results: list[PGresult] = []
        while not results or results[-1].status != ExecStatus.PIPELINE_SYNC:
            if self._libpq.is_busy():
                self._connection.wait(self._readable())
            result = self._libpq.get_result()
            if result is not None:
                results.append(result)
            elif self._libpq.status == ConnStatus.BAD:
                problem = self._libpq.get_error_message()
                refusal = next((one for one in results if one.status == ExecStatus.FATAL_ERROR), None)
                raise error_from_result(refusal) if refusal else psycopg.OperationalError(problem)
        self._over = True
        return results[:-1]

    def _flushed(self) -> PQGen[None]:
        while self._libpq.flush():
            if (yield Wait.RW) & Ready.R:
                self._libpq.consume_input()  # or the server, its own buffer full, would not read on

    def _readable(self) -> PQGen[None]:
        while self._libpq.is_busy():
            yield Wait.R
            self._libpq.consume_input()


@cache
def _in_libpq(statement: str) -> tuple[bytes, list[int]]:
    """The statement with $1, $2, … and each parameter's format: 1 for binary, 0 for text."""
    numbers = count(1)
    formats = [int(kind == "b") for kind in _PLACEHOLDER.findall(statement)]
    return _PLACEHOLDER.sub(lambda _: f"${next(numbers)}", statement).encode(), formats


def _value(parameter: Parameter) -> bytes | None:
    if parameter is None or isinstance(parameter, bytes):
        return parameter
    return str(parameter).encode()
