"""A version as a file: SKOS, CSV, Markdown."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from store.engine import reading
from taxonomy.versions import lifecycle
from taxonomy.vocabulary.codebook import write_csv, write_markdown
from taxonomy.vocabulary.contents import VersionContent, count_instances
from taxonomy.vocabulary.skos import write_turtle
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.serving.attachments import attachment
from webapp.serving.permissions import Action
from webapp.serving.spreadsheets import write_table

router = APIRouter(prefix="/versions/{version_id}")
reading_allowed = allows(Action.READ)
CATEGORY_COLUMNS = (
    "key",
    "name",
    "macro_strategy",
    "definition",
    "scope_note",
    "examples",
    "counter_examples",
    "instances",
)


@router.get("/vocabulary.ttl", dependencies=[reading_allowed])
def export_skos(visit: Visiting, version_id: RowId) -> Response:
    """Categories under macro-strategies, labels as alternative names, as Turtle."""
    return _file(visit, version_id, write_turtle, "ttl", "text/turtle")


@router.get("/vocabulary.csv", dependencies=[reading_allowed])
def export_categories(visit: Visiting, version_id: RowId) -> Response:
    """A line a category."""
    return _file(visit, version_id, write_categories, "csv", "text/csv")


@router.get("/labels.csv", dependencies=[reading_allowed])
def export_labels(visit: Visiting, version_id: RowId) -> Response:
    """A line a label, with the category that it goes to."""
    return _file(visit, version_id, write_csv, "labels.csv", "text/csv")


@router.get("/vocabulary.md", dependencies=[reading_allowed])
def export_markdown(visit: Visiting, version_id: RowId) -> Response:
    """A codebook to be read."""
    return _file(visit, version_id, write_markdown, "md", "text/markdown")


def _file(
    visit: Visit,
    version_id: int,
    write: Callable[[VersionContent], str],
    ending: str,
    media_type: str,
) -> Response:
    with reading(visit.engine) as session:
        version = lifecycle.get_version(session, version_id)
        text = write(lifecycle.get_content(session, version))
    headers = attachment(f"{version.name}.{ending}")
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def write_categories(content: VersionContent) -> str:
    """The categories as CSV."""
    instances = count_instances(content)
    rows = (
        (
            one.key,
            one.name,
            one.macro_strategy,
            one.definition,
            one.scope_note,
            "\n".join(one.examples),
            "\n".join(one.counter_examples),
            instances.get(one.key, 0),
        )
        for one in content.categories
    )
    return "".join(write_table(CATEGORY_COLUMNS, rows))
