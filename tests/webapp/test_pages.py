"""The contract between a page and its template: what one gives is what the other takes."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from jinja2 import UndefinedError, meta, nodes

from webapp import app, pages
from webapp.pages import rendering
from webapp.pages.frame import Page

TEMPLATES = Path(app.__file__).parent / "templates"
PAGES = Page.__subclasses__()


@pytest.mark.parametrize("page", PAGES)
def test_a_template_takes_exactly_the_fields_of_its_page(page: type[Page]) -> None:
    """A field that nothing shows and a name that nobody gives are both mistakes."""
    environment = rendering.environment()
    tree = environment.parse((TEMPLATES / page.template).read_text())
    own = {"shell", *environment.globals}
    for imported in tree.find_all(nodes.FromImport):
        own |= {name if isinstance(name, str) else name[1] for name in imported.names}
    for assigned in tree.find_all(nodes.Assign):
        own |= {name.name for name in (assigned.target,) if isinstance(name, nodes.Name)}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    given = {field.name for field in fields(page)}
    assert meta.find_undeclared_variables(tree) - own == given


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_frozen(page: type[Page]) -> None:
    """What is shown does not change while it is shown."""
    assert is_dataclass(page) and page.__dataclass_params__.frozen


def test_every_template_belongs_to_one_page() -> None:
    """Apart from the frame and the parts that pages share."""
    files = {path.name for path in TEMPLATES.glob("*.html")}
    named = [page.template for page in PAGES]
    assert len(named) == len(set(named))
    assert files - {"base.html", "_parts.html", "_heatmap.html"} == set(named)


def test_a_missing_value_is_an_error() -> None:
    """It is never shown as nothing."""
    with pytest.raises(UndefinedError):
        rendering.environment().from_string("{{ nothing }}").render()


def test_markup_is_escaped() -> None:
    """In text and in attributes."""
    shown = rendering.environment().from_string('<a title="{{ x }}">{{ x }}</a>').render(x="\"'<b>")
    assert "<b>" not in shown and '""' not in shown


def test_every_page_dataclass_is_documented() -> None:
    """Whoever adds a page says what it is."""
    assert all(page.__doc__ for page in PAGES) and pages.__doc__ and app.SCREENS
