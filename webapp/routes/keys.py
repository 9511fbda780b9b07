"""The map of keys: looked up by everybody, changed by each for themselves."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.people import set_keys
from webapp.deciding.repeating import once
from webapp.dependencies import Visiting, allows
from webapp.pages.people import BoundKey, KeyPlace, KeysPage
from webapp.serving.permissions import Action
from webapp.showing.keymap import DEFAULTS, FIXED, GO, PLACES, check_keys

router = APIRouter(prefix="/keys")


@router.get("", dependencies=[allows(Action.READ)])
def show_keys(visit: Visiting, saved: bool = False) -> Response:
    """The keys that the pages know, those that were changed included."""
    keys = visit.shell().keys
    names = dict.fromkeys([*PLACES, *FIXED])
    places = [
        KeyPlace(
            name,
            [BoundKey(binding, keys[binding.name]) for binding in PLACES.get(name, ())],
            FIXED.get(name, ()),
        )
        for name in names
    ]
    return visit.show(KeysPage(places=places, go=GO, saved=saved))


@router.post("", dependencies=[allows(Action.KEEP_ACCOUNT)])
def change_keys(visit: Visiting) -> Response:
    """Change keys, all at once; a key that would mean two things on one page is refused."""
    form = visit.form
    again = form.token("again") == "yes"
    wanted = (
        {} if again else {name: form.line(f"key-{name}") or DEFAULTS[name] for name in DEFAULTS}
    )
    changed = check_keys(wanted)

    def deed(session: Session, person: Actor) -> int:
        set_keys(session, person, changed)
        return 0

    once(visit, deed)
    return RedirectResponse("/keys?saved=true", 303)
