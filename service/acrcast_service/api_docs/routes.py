"""`GET /openapi.json` and the page at `/docs`."""

from pathlib import Path

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from swagger_ui_bundle import swagger_ui_path

from acrcast_service.api_docs.service import openapi_document
from acrcast_service.auth.callers import open_to_all
from acrcast_service.problems import NOT_FOUND, HttpProblem
from acrcast_service.server_state import state_of

router = APIRouter(include_in_schema=False)

HERE = Path(__file__).parent

# The folder of the bundle has more, among it a page that fetches an example from another host: only these are served.
ASSETS = {
    "start.js": HERE / "start.js",
    "page.css": HERE / "page.css",
    "swagger-ui-bundle.js": Path(str(swagger_ui_path)) / "swagger-ui-bundle.js",
    "swagger-ui.css": Path(str(swagger_ui_path)) / "swagger-ui.css",
    "favicon-32x32.png": Path(str(swagger_ui_path)) / "favicon-32x32.png",
}

PAGE_MAY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/openapi.json")
@open_to_all
async def openapi(request: Request) -> Response:
    server = state_of(request)
    served = server.models.current
    of, content = getattr(request.app.state, "openapi", (None, b""))
    if of is not served:
        content = orjson.dumps(openapi_document(request.app, served, server.settings.level))
        # made once for each model: it takes as long as hundreds of predictions
        request.app.state.openapi = (served, content)
    return Response(content, media_type="application/json")


@router.get("/docs")
@open_to_all
async def page() -> Response:
    return FileResponse(HERE / "page.html", headers={"Content-Security-Policy": PAGE_MAY})


@router.get("/docs/assets/{name}")
@open_to_all
async def asset(name: str) -> Response:
    if name not in ASSETS:
        raise HttpProblem(NOT_FOUND)
    return FileResponse(ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})
