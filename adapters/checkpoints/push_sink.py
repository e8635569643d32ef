"""Signed checkpoints sent to somebody else's server, as it pleases that server: nobody here waits for it."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from urllib.parse import SplitResult, unquote, urlsplit

from application.ports.seals import CheckpointSink, SinkUnavailable

_HEADERS = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "evenkeel"}


def parse_push_url(url: str) -> SplitResult:
    """An http or https address; ValueError, which does not repeat it: it may hold a password."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("an address has no spaces, and no letters but ASCII: write others as %XX")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # it would quote what may be a password
        raise ValueError("the address has a port that is none, or brackets around no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("each address begins with https:// or http:// and names a host")
    if parts.fragment:
        raise ValueError("an address that something is sent to has no #fragment")
    return parts


class CheckpointPush(CheckpointSink):
    """POSTs the note to a URL; any 2xx means that it is durable there. Redirects are not followed.

    It is done in a thread of its own, which is there while something is under way: `publish` never waits.
    What cannot be sent is tried again, ever more seldom. Only the newest note waits: it covers those before
    it, so a server that was away for a day costs one request.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 5.0, first_pause_s: float = 1.0, longest_pause_s: float = 60.0
    ) -> None:
        """Raises ValueError for what is no URL."""
        self._parts, self._timeout_s = parse_push_url(url), timeout_s
        self._pauses_s = first_pause_s, longest_pause_s
        self._changed = threading.Condition()
        self._waiting = self._sent = self._problem = ""
        self._since = 0.0  # monotonic seconds: from then on something was waiting without a break
        self._thread: threading.Thread | None = None
        self._is_closing = False

    @property
    def name(self) -> str:
        """The address without user, password and query, which may be secrets."""
        host = self._parts.netloc.rpartition("@")[2]
        return f"{self._parts.scheme}://{host}{self._parts.path}"

    def publish(self, note: str) -> None:
        with self._changed:
            if note == self._sent:
                return
            if not self._waiting:
                self._since = monotonic()
            self._waiting = note
            if self._thread is None:
                self._thread = threading.Thread(target=self._push_on, name="checkpoint push", daemon=True)
                self._thread.start()
            waited_s = monotonic() - self._since
            if self._problem or waited_s > 3 * self._timeout_s:
                raise SinkUnavailable(self._problem or f"no answer for {waited_s:.0f} s")

    def newest(self) -> str | None:
        """What it took of this process; it is not asked what it has of others."""
        with self._changed:
            return self._sent or None

    def close(self, timeout_s: float) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None, timeout_s)
            if self._waiting:
                raise SinkUnavailable(self._problem or f"no answer within {timeout_s:.0f} s")

    def _push_on(self) -> None:
        pause_s, longest_s = self._pauses_s
        while note := self._next():
            problem = self._post(note)
            with self._changed:
                self._problem = problem
                if problem:
                    if self._is_closing:  # this was the last attempt
                        self._thread = None
                        self._changed.notify_all()
                        return
                    self._changed.wait_for(lambda: self._is_closing, pause_s)
                    pause_s = min(2 * pause_s, longest_s)
                    continue
                pause_s, self._sent = self._pauses_s[0], note
                self._waiting, self._since = ("" if self._waiting == note else self._waiting), monotonic()

    def _next(self) -> str:
        """What waits; where nothing does, the thread ends."""
        with self._changed:
            if not self._waiting:
                self._thread = None
                self._changed.notify_all()
            return self._waiting

    def _post(self, note: str) -> str:
        """What went wrong; "" where it was taken."""
        parts = self._parts
        host, port = parts.hostname or "", parts.port
        headers, target = dict(_HEADERS), parts.path or "/"
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        if parts.query:
            target += f"?{parts.query}"
        connection = (
            HTTPSConnection(host, port, timeout=self._timeout_s, context=ssl.create_default_context())
            if parts.scheme == "https"
            else HTTPConnection(host, port, timeout=self._timeout_s)
        )
        late, problem = threading.Event(), ""
        limit = threading.Timer(self._timeout_s, _hang_up, (connection, late))
        limit.daemon = True
        try:
            connection.connect()
            limit.start()  # the timeout above is of each byte: one after the other they could come for ever
            connection.request("POST", target, body=note.encode(), headers=headers)
            status = connection.getresponse().status
            if not 200 <= status < 300:
                problem = f"it answered {status}"
        except (OSError, HTTPException, ValueError) as e:  # a ValueError: a host that cannot be one
            problem = (e.strerror if isinstance(e, OSError) else None) or str(e) or type(e).__name__
        finally:
            limit.cancel()
            connection.close()
        return f"timed out: no whole answer within {self._timeout_s:g} s" if late.is_set() else problem


def _hang_up(connection: HTTPConnection, late: threading.Event) -> None:
    """Whoever reads from it finds its end."""
    late.set()
    if connection.sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
