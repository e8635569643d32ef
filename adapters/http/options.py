"""What the composition root may set of the HTTP face; units stand in the names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Safe by default. `insecure_cookies` is for plain HTTP on the loopback address only."""

    insecure_cookies: bool = False
    max_body_bytes: int = 256 * 1024
    read_threads: int = 8
    read_backlog: int = 512  # requests that may wait for a thread; more are answered 503
    password_threads: int = 2
    password_backlog: int = 16
    command_wait_s: float = 10.0  # for a command's answer, well above the store's own limits; then 409
    fresh_wait_s: float = 1.0  # how long `min_position` may wait for the read models
    sign_in_failures: int = 5  # per address and 15 minutes
    account_sign_in_failures: int = 20  # per account and 15 minutes, from addresses it never signed in from
    stream_poll_s: float = 0.2
    stream_coalesce_s: float = 1.0
    stream_heartbeat_s: float = 15.0
    stream_recheck_s: float = 5.0  # how long a revoked session may still listen
    streams_per_account: int = 8
