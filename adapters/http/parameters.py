"""Query parameters that a route does not know are refused: a filter that is misspelt would find too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.routes import BaseRoute, HTTPRoute

from adapters.http.problems import Problem

Known = Mapping[tuple[str, str], frozenset[str]]
"""By method and path, as it is declared: the names of the query parameters that are read."""


def known_parameters(routes: Iterable[BaseRoute]) -> Known:
    """Of every route, its dependencies' included."""
    return {
        (method, route.path_format): frozenset(one.field_alias for one in model.expected_query_params)
        for route in routes
        if isinstance(route, HTTPRoute)
        for method, (_, model) in route.route_handler_map.items()
    }


def refuse_unknown(request: Request[Any, Any, Any], known: Known) -> None:
    """Raises Problem for the first query parameter that the route does not know, or that is sent twice."""
    query = bytes(request.scope.get("query_string", b""))
    of_route = known.get((str(request.scope["method"]), str(request.scope["path_template"])))
    if not query or of_route is None:
        return
    seen = set()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in of_route:
            there = ", ".join(sorted(of_route)) or "none"
            raise Problem(
                "unknown_parameter",
                f"{name[:80]!r} is no parameter of this route; there are: {there}",
                data={"field": name[:80]},
            )
        if name in seen:
            raise Problem(
                "unknown_parameter", f"{name!r} stands there twice; send it once", data={"field": name}
            )
        seen.add(name)
