"""Decides which browser pages may call. Pure.

Without configured callers, everybody who reaches the port may call, so a web page in the operator's browser must not:
the browser names the page, and only pages in `service.http_cors` are admitted. With callers, the token decides.
"""

from collections.abc import Collection, Mapping

from aiohttp import web

from inference_service.api import limits
from inference_service.http.problems import Problem

ANY = "*"
EXPOSED = (
    "X-Request-Id, Retry-After, Retry-After-Ms, X-Should-Retry, OpenAI-Processing-Ms, "
    f"X-Antiphon-Deployment, X-Antiphon-Attempts, X-Antiphon-Ignored, {', '.join(limits.NAMES)}"
)
USUAL_HEADERS = "authorization, content-type, api-key, x-request-id, http-referer, x-title"
REFUSED = Problem(
    403,
    "permission_error",
    "origin_not_allowed",
    "web pages of this origin may not call: service.http_cors in the configuration lists those that may",
)


def is_preflight(request: web.Request) -> bool:
    return request.method == "OPTIONS"


def is_foreign(request: web.Request, origins: Collection[str]) -> bool:
    """The page is not listed, or the browser reports a cross-site request."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return not _listed(origin, origins)
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def headers(request: web.Request, origins: Collection[str]) -> Mapping[str, str]:
    """Sent with every answer: the calling page may read it if it is listed."""
    origin = request.headers.get("Origin")
    if origin is None or not _listed(origin, origins):
        return {"Vary": "Origin"} if origins else {}
    allowed = ANY if ANY in origins else origin
    return {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}


def permissions(request: web.Request, origins: Collection[str]) -> Mapping[str, str]:
    """The answer to a preflight, which browsers send without a token."""
    if not _listed(request.headers.get("Origin", ""), origins):
        return {}
    return {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", USUAL_HEADERS),
        "Access-Control-Max-Age": "86400",
    }


def _listed(origin: str, origins: Collection[str]) -> bool:
    return ANY in origins or origin.lower().rstrip("/") in {listed.lower().rstrip("/") for listed in origins}
