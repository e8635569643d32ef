"""The metrics port: a small server of its own, away from the API's."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from adapters.metrics.prometheus import Metrics


class MetricsServer:
    """Answers scrapes on its own port; on loopback by default, because it asks nobody who they are.

    Errors: OSError where the port is taken.
    """

    def __init__(self, metrics: Metrics, *, host: str, port: int) -> None:
        """Port 0 takes any that is free; see `port`."""
        self._server: WSGIServer
        self._thread: Thread
        self._server, self._thread = start_http_server(port, addr=host, registry=metrics.registry)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
