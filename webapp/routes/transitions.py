"""How reasoning moves between categories: the matrices as images, and as tables."""

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Path
from starlette.responses import Response

from store.engine import reading
from store.errors import InvalidInput, NotFound
from store.runs import find_latest_run
from store.states import RunKind
from webapp.dependencies import Visit, VisitingAside, allows
from webapp.matrices import Matrices
from webapp.pages.records import MatrixImage, TransitionsPage
from webapp.permissions import Action
from webapp.rendering import svg_response

if TYPE_CHECKING:
    from alignment.fits import Fits, MatrixName

router = APIRouter(prefix="/transitions")
IMAGES = {
    "p": "p",
    "positive": "positive",
    "negative": "negative",
    "weights-positive": "weights+",
    "weights-negative": "weights-",
}


def _matrices(visit: Visit) -> Matrices:
    return cast(Matrices, visit.request.app.state.matrices)


@router.get("", dependencies=[allows(Action.READ)])
def show_transitions(visit: VisitingAside) -> Response:
    """All matrices of the newest annotate run."""
    with reading(visit.engine) as session:
        run = find_latest_run(session, RunKind.ANNOTATE)
        try:
            fits, problem = _matrices(visit).get(session), ""
        except (NotFound, InvalidInput) as error:
            fits, problem = None, str(error)
    page = TransitionsPage(
        images=[_image(fits, name) for name in IMAGES] if fits else [],
        annotate_run_id=run.id if run else None,
        trace_counts=fits.trace_counts if fits else {},
        problem=problem,
    )
    return visit.show(page)


def _image(fits: "Fits", name: str) -> MatrixImage:
    heatmap = fits.heatmap(cast("MatrixName", IMAGES[name]))
    rows = [
        (state, [f"{value:.2f}" if value == value else "" for value in row])
        for state, row in zip(heatmap.states, heatmap.matrix.tolist(), strict=True)
    ]
    address = f"/transitions/{name}.svg"
    return MatrixImage(name, heatmap.title, address, list(heatmap.states), rows)


@router.get("/{name}.svg", dependencies=[allows(Action.READ)])
def draw_matrix(visit: VisitingAside, name: Annotated[str, Path(max_length=40)]) -> Response:
    """A matrix as an image."""
    from alignment.report import heatmap_svg

    if name not in IMAGES:
        raise NotFound(f"expected one of {', '.join(IMAGES)}, got {name!r}")
    with reading(visit.engine) as session:
        fits = _matrices(visit).get(session)
    return svg_response(heatmap_svg(fits.heatmap(cast("MatrixName", IMAGES[name]))))
