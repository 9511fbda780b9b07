"""Pages to HTML: strict about what is missing, and everything escaped."""

import secrets
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from webapp.pages.frame import Page, Shell
from webapp.pages.heatmap import HeatView
from webapp.serving.headers import IMAGE_SECURITY_POLICY
from webapp.serving.permissions import Action
from webapp.serving.static_files import drawing, static_url
from webapp.showing.wording import count, decimal, duration, moment, words


def form_number() -> str:
    """A number that no other form has: one that is sent twice can be known by it."""
    return secrets.token_urlsafe(12)


@cache
def environment() -> Environment:
    """The template environment, the same for all."""
    made = Environment(
        loader=PackageLoader("webapp"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(count=count, decimal=decimal, moment=moment, words=words, duration=duration)
    made.globals.update(
        static_url=static_url, drawing=drawing, Action=Action, form_number=form_number
    )
    return made


def to_html(page: Page, shell: Shell) -> str:
    """The page's template, filled with its fields and with the frame's."""
    values = {field.name: getattr(page, field.name) for field in fields(page)}
    return environment().get_template(page.template).render(values, shell=shell)


def render(
    page: Page, shell: Shell, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """The page as a response."""
    return HTMLResponse(to_html(page, shell), status, dict(headers or {}))


def draw_heatmap(view: HeatView) -> Markup:
    """A heatmap by itself, for pages that keep it."""
    template: Any = environment().get_template("_heatmap.html").module
    return Markup(template.heatmap(view))


def svg_response(svg: str) -> Response:
    """An image that may style itself and do nothing else."""
    headers = {"Content-Security-Policy": IMAGE_SECURITY_POLICY}
    return Response(svg, media_type="image/svg+xml", headers=headers)
