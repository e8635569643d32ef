"""/schema: OpenAPI 3.1 and Swagger UI, served from files that are installed with us, no other host asked."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from litestar import Request, Response, Router, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromPath

from adapters.http.access import PLAIN_COOKIE, SECURE_COOKIE, public
from adapters.http.problems import Problem
from adapters.http.schema_answers import document_answers

_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Evenkeel API</title>
<link rel="icon" type="image/png" href="/schema/assets/favicon-32x32.png">
<link rel="stylesheet" href="/schema/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/schema/assets/swagger-ui-bundle.js"></script>
<script src="/schema/assets/swagger-ui-standalone-preset.js"></script>
<script>
SwaggerUIBundle({
  url: "/schema/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  requestInterceptor: (request) => { request.headers["X-Evenkeel-Csrf"] = "1"; return request; }
});
</script>
</body>
</html>
"""
_INTRODUCTION = """Paper trading bots on an event-sourced double-entry ledger.

Amounts are strings. Every error is `application/problem+json` with a stable `code`. Changes take an
`Idempotency-Key` (a new UUID for a new request); the answer to a repeated one carries `Idempotent-Replayed`.
`Evenkeel-Position` of an answer is the position to pass as `min_position` to lists that are to include it."""


@get(["/", "/swagger"], guards=[public], media_type="text/html", include_in_schema=False)
async def swagger_page() -> bytes:
    return _PAGE


@get("/assets/{name:str}", guards=[public], include_in_schema=False)
async def swagger_asset(name: FromPath[str]) -> Response[bytes]:
    if name not in _FILES:
        raise Problem("not_found", "there is nothing here")
    content = (
        files("swagger_ui").joinpath("static", name).read_bytes()
    )  # a constant name: no path from outside
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(content, media_type=_FILES[name], headers=headers)


async def _as_problem(response: Response[Any]) -> Response[Any]:
    """What the framework answers under /schema where nothing is: a page of its own, which isn't ours."""
    if response.status_code == 404:
        raise Problem("not_found", "there is nothing here")
    return response


class _QuietJson(JsonRenderPlugin):
    """The schema as JSON; Swagger UI is not this plugin's business."""

    _rendered = b""  # made when it is first asked for: it takes longer than the rest of a start

    def has_path(self, path: str) -> bool:
        # "/" is the Swagger page's: without this the default plugin would claim it
        return path == "/" or super().has_path(path)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if not self._rendered:
            document_answers(openapi_schema, request.app.routes)
            self._rendered = super().render(request, openapi_schema)
        return self._rendered


def openapi_config(version: str, *, insecure_cookies: bool) -> OpenAPIConfig:
    cookie = PLAIN_COOKIE if insecure_cookies else SECURE_COOKIE
    return OpenAPIConfig(
        title="Evenkeel",
        version=version,
        description=_INTRODUCTION,
        path="/schema",
        use_handler_docstrings=True,
        render_plugins=[_QuietJson(path="/openapi.json")],
        openapi_router=Router(
            "/schema",
            route_handlers=[swagger_page, swagger_asset],
            guards=[public],
            after_request=_as_problem,
            include_in_schema=False,
        ),
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer"),
                "cookie": SecurityScheme(type="apiKey", name=cookie, security_scheme_in="cookie"),
            }
        ),
        security=[{"bearer": []}, {"cookie": []}],
    )
