"""A password chosen with a token, by whoever was given one."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from store import people, tokens
from store.engine import transaction
from store.errors import InvalidInput
from webapp.dependencies import Visit, Visiting, allows
from webapp.pages.people import PasswordPage
from webapp.serving.limits import AttemptLimit
from webapp.serving.permissions import Action

router = APIRouter(prefix="/password")


@router.get("", dependencies=[allows(Action.ENTER)])
def show_password(visit: Visiting) -> Response:
    """The form; the token is typed, so that it stands in no address and in no log."""
    return visit.show(PasswordPage(problem=""))


@router.post("", dependencies=[allows(Action.ENTER)])
async def choose_password(visit: Visiting) -> Response:
    """Change the token for a password, and go on to sign in."""
    request, form = visit.request, visit.form
    limit: AttemptLimit = request.app.state.attempts
    wait_s = limit.try_once(("/password", request.client.host if request.client else ""))
    if wait_s:
        return visit.show(PasswordPage(f"Too many attempts. Wait {wait_s} seconds."), 429)
    limiter: CapacityLimiter = request.app.state.hashing
    try:
        hashed = await to_thread.run_sync(
            people.hash_password, form.token("password"), limiter=limiter
        )
        await run_in_threadpool(_use, visit, form.token("token").strip()[:200], hashed)
    except InvalidInput as error:
        return visit.show(PasswordPage(problem=str(error)), 422)
    return RedirectResponse("/sign-in", 303)


def _use(visit: Visit, token: str, password_hash: str) -> None:
    with transaction(visit.engine) as session:
        tokens.use_reset(session, token, password_hash)
