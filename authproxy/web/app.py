"""The web side put together: the routes, and what every request passes on its way to them."""

from __future__ import annotations

from starlette.routing import Router
from starlette.types import ASGIApp

from authproxy.web.admin import app as panel
from authproxy.web.api import auth_v2, rest_v1
from authproxy.web.api.admin import app as admin_api
from authproxy.web.enroll import app as enroll
from authproxy.web.gate import Gate
from authproxy.web.headers import SecurityHeaders
from authproxy.web.oidc import app as oidc
from authproxy.web.pages import statics
from authproxy.web.phone import app as phone
from authproxy.web.portal import app as portal
from authproxy.web.prompt import app as prompt
from authproxy.web.site import Site
from authproxy.web.source import Sources
from authproxy.web.status import app as status
from authproxy.web.telephony import callbacks


def build(site: Site, sources: Sources, *, is_debug: bool = False) -> ASGIApp:
    """Outermost first: headers, the gate, the routes. ``is_debug``: every request has a line in the log."""
    routes = [*auth_v2.routes(site), *rest_v1.routes(site), *callbacks.routes(site)]
    if site.admin_api is not None:
        routes += admin_api.routes(site, site.admin_api)
    if site.phones is not None:
        routes += phone.routes(site.phones, site.rates, site.refusals, site.now)
    if site.enrolling is not None:
        routes += enroll.routes(site.enrolling, site.rates, site.refusals, site.language)
    if site.panel is not None:
        routes += panel.routes(site.panel, site.rates)
    if site.portal is not None:
        routes += portal.routes(site.portal, site.rates)
    if site.prompts is not None:
        routes += oidc.routes(site.prompts, site.rates, site.refusals)
        routes += prompt.routes(site.prompts, site.rates)
    if site.panel is not None:
        routes += status.routes(site.panel.status)
    has_pages = site.panel is not None
    routes.append(status.front_page(has_portal=site.portal is not None, has_panel=has_pages, has_status=has_pages))
    routes += statics.routes()
    router = Router(routes, redirect_slashes=False)
    return SecurityHeaders(Gate(router, sources, site.rates, site.refusals, is_debug), site.now)
