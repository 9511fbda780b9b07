"""Keys of one's own: kept on the server, and never two deeds on one key."""

import pytest

from store.errors import InvalidInput
from tests.webapp.conftest import SignIn
from tests.worlds import World
from webapp.showing.keymap import DEFAULTS, PLACES, board_letters, bound_keys, check_keys


def test_ours_collide_nowhere() -> None:
    """And leave letters enough for fifteen categories on the board."""
    assert check_keys({}) == {}
    assert len(board_letters(bound_keys({}))) >= 15
    assert set(DEFAULTS) == {one.name for place in PLACES.values() for one in place}


@pytest.mark.parametrize(
    "wanted",
    [
        {"accept": "f"},
        {"accept": "u"},
        {"next": "y"},
        {"skip": "1"},
        {"skip": ""},
        {"skip": "ab"},
        {"skip": " "},
        {"skip": "?"},
        {"skip": "\x00"},
    ],
)
def test_a_key_that_means_two_things_or_none_is_refused(wanted: dict[str, str]) -> None:
    """On any page that knows both."""
    with pytest.raises(InvalidInput):
        check_keys(wanted)


def test_keys_may_be_swapped_and_used_again_elsewhere() -> None:
    """What stands on different pages does not collide; only what differs is kept."""
    assert check_keys({"accept": "f", "flag": "a"}) == {"accept": "f", "flag": "a"}
    assert check_keys({"lane": "a", "undo": "u"}) == {"lane": "a"}
    assert "n" not in board_letters(bound_keys({"lane": "n"}))


def test_a_person_changes_their_keys(sign_in: SignIn, world: World) -> None:
    """On every page, for themselves alone, until they take ours again."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    fields = {f"key-{name}": key for name, key in DEFAULTS.items()}
    card = f"/versions/{world.version_id}/clusters/c0"
    answer = ada.post("/keys", {**fields, "key-accept": "Q", "key-go": "G"}, page="/keys")
    assert "Your keys are kept" in answer.text
    assert 'data-key="Q"' in ada.get(card).text and 'data-bound-go="G"' in ada.get(card).text
    assert 'data-key="Q"' not in rhea.get(card).text
    assert ada.post("/keys", {**fields, "key-accept": "f"}, page="/keys").status_code == 422
    assert 'data-key="Q"' in ada.get(card).text
    ada.post("/keys", {**fields, "again": "yes"}, page="/keys")
    assert 'data-key="a"' in ada.get(card).text
