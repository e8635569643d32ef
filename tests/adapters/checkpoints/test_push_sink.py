"""Checkpoints pushed over HTTP: sealing never waits for it, and what fails is tried again and told."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from adapters.checkpoints.push_sink import CheckpointPush, parse_push_url
from application.ports.seals import SinkUnavailable
from tests.loopback import Taker, free_port, taking

NOTES = [f"log\n{n}\nroot\n\n— log AAAAAQI=\n" for n in range(5)]


def hasty(url: str, **options: float) -> CheckpointPush:
    """Tries again at once."""
    return CheckpointPush(url, **{"first_pause_s": 0.01, "longest_pause_s": 0.02, **options})


def told(sink: CheckpointPush, note: str) -> str:
    """What is said when a note is published over and over, as the sealer does, until something is."""
    limit = monotonic() + 10
    while monotonic() < limit:
        try:
            sink.publish(note)
        except SinkUnavailable as problem:
            return str(problem)
    raise AssertionError("nothing was said")


def arrived(sink: CheckpointPush) -> None:
    """Waits until something has."""
    limit = monotonic() + 10
    while sink.newest() is None:
        assert monotonic() < limit


def test_a_note_is_posted_to_the_byte() -> None:
    with taking() as taker:
        sink = CheckpointPush(f"http://ann:s%3Aecret@127.0.0.1:{taker.port}/log/1?token=t")
        sink.publish(NOTES[0])
        came = taker.next()
        sink.close(10)

    assert (came.target, came.body) == ("/log/1?token=t", NOTES[0])
    assert came.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert came.headers["Authorization"] == "Basic YW5uOnM6ZWNyZXQ="
    assert sink.name == f"http://127.0.0.1:{taker.port}/log/1", "no user, no password, no token"


def test_a_server_that_comes_up_later_gets_the_newest_alone() -> None:
    """Of a backlog one note is kept: a checkpoint covers those before it."""
    port = free_port()
    sink = hasty(f"http://127.0.0.1:{port}/")
    assert "refused" in told(sink, NOTES[0])
    for note in NOTES[1:]:
        with pytest.raises(SinkUnavailable):
            sink.publish(note)
    assert sink.newest() is None

    with taking(port=port) as taker:
        came = taker.next()
        sink.close(10)

    assert came.body == NOTES[-1]
    assert sink.newest() == NOTES[-1]


@pytest.mark.parametrize("status", [500, 404, 301, 307])
def test_what_is_not_taken_is_tried_again_and_said(status: int) -> None:
    with taking() as taker:
        taker.status = status
        sink = hasty(taker.url)
        assert told(sink, NOTES[0]) == f"it answered {status}"
        assert [taker.next().target for _ in range(3)] == ["/checkpoints"] * 3, "where it was sent, no other"
        taker.status = 200
        arrived(sink)
        sink.publish(NOTES[0])  # and nothing is said any more
        sink.close(10)


def test_a_server_that_never_answers_holds_nobody_up() -> None:
    with taking() as taker:
        taker.silent.set()
        sink = hasty(taker.url, timeout_s=0.2)
        before = monotonic()
        sink.publish(NOTES[0])
        assert monotonic() - before < 0.2
        assert "timed out" in told(sink, NOTES[0])
        with pytest.raises(SinkUnavailable, match="timed out"):
            sink.close(10)


def test_an_answer_that_never_ends_is_cut_off_and_the_note_sent_again() -> None:
    with taking() as taker:
        taker.drips.set()
        sink = hasty(taker.url, timeout_s=0.2)
        assert "no whole answer within 0.2 s" in told(sink, NOTES[0])
        taker.drips.clear()
        assert taker.next().body == NOTES[0]
        sink.close(10)
    assert sink.newest() == NOTES[0]


def test_a_close_waits_no_longer_than_it_may() -> None:
    with taking() as taker:
        taker.silent.set()
        sink = CheckpointPush(taker.url, timeout_s=5)
        sink.publish(NOTES[0])
        with pytest.raises(SinkUnavailable, match="no answer within 0 s"):
            sink.close(0.05)


def test_what_fails_is_tried_once_more_at_the_close_without_its_pause() -> None:
    port = free_port()
    sink = CheckpointPush(f"http://127.0.0.1:{port}/", first_pause_s=300)
    told(sink, NOTES[0])
    with taking(port=port) as taker:
        sink.close(10)
        assert taker.next().body == NOTES[0]
    assert sink.newest() == NOTES[0]


def test_no_thread_is_left_when_everything_has_arrived() -> None:
    with taking() as taker:
        sink = CheckpointPush(taker.url)
        for note in NOTES:
            sink.publish(note)
        while taker.next().body != NOTES[-1]:
            pass
        sink.close(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "checkpoint push"]


def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    for url in (
        *("ftp://example.com/", "example.com", "http://", "https:///path", "http://example.com:99999/"),
        *("http://exa mple.com/", "http://example.com/#part", "http://[::1/", "http://ex\u00e4mple.com/"),
        "http://user:hunter2@example.com:port/",
    ):
        with pytest.raises(ValueError) as refused:
            parse_push_url(url)
        assert "hunter2" not in str(refused.value)
    assert parse_push_url("https://user@example.com:8443/a?b=c").port == 8443


def test_a_silent_server_and_a_quick_one_are_told_apart() -> None:
    """Each address has its own thread: none waits for another."""
    with taking() as silent, taking() as quick:
        silent.silent.set()
        for number, note in enumerate(NOTES):
            sinks = [CheckpointPush(one.url, timeout_s=0.2) for one in (silent, quick)]
            for sink in sinks:
                sink.publish(note)
            assert came(quick) == NOTES[number]


def came(taker: Taker) -> str:
    return taker.next().body
