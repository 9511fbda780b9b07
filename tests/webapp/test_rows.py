"""Approval row by row, files of a version, and freezing by its name."""

from html import unescape
from re import findall, search

import sqlalchemy as sa

from store.engine import reading
from store.states import VersionStatus
from store.taxonomies import get_version
from taxonomy.versions import lifecycle
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import HOSTILE_TEXTS, World


def rows(visitor: Visitor, page: str) -> dict[str, str]:
    """Each row that can be approved, as the page's forms send it."""
    found = findall(r'name="row" value="(\w+:\w+)"', visitor.get(page).text)
    return {row.partition(":")[0]: row for row in found}


def status(engine: sa.Engine, world: World) -> VersionStatus:
    """How far the version is."""
    with reading(engine) as session:
        return get_version(session, world.version_id).status


def test_the_last_row_approves_the_version(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Each row says who approved it; in a draft nothing follows, in review the version does."""
    cora, page = sign_in("Cora"), f"/versions/{world.version_id}"
    approve = f"{page}/rows"
    assert sign_in("Rhea").post(approve, {"row": "x:y"}, page=page).status_code == 403
    every = rows(cora, page)
    one = every.pop("framing")
    assert "approved framing" in cora.post(approve, {"row": one}, page=page).text
    assert "✓ approved" in cora.get(page).text and "framing" not in rows(cora, page)
    cora.post(f"{page}/submit", {"reason": "ready"}, page=page)
    cora.post(approve, {"row": list(every.values())[:-1]}, page=page)
    assert status(world_engine, world) == VersionStatus.IN_REVIEW
    cora.post(approve, {"row": list(every.values())[-1]}, page=page)
    assert status(world_engine, world) == VersionStatus.APPROVED


def test_an_approval_holds_for_what_was_approved(sign_in: SignIn, world: World) -> None:
    """A text or a label that changes takes it away; taking the change back brings it back."""
    cora, page = sign_in("Cora"), f"/versions/{world.version_id}"
    seen = rows(cora, page)
    cora.post(f"{page}/rows", {"row": [seen["framing"], seen["retrieval"]]}, page=page)
    card = f"{page}/clusters/c0"
    cora.post(f"{card}/assign", {"category": "retrieval", "then": "stay"}, page=card)
    assert {"framing", "retrieval"} <= set(rows(cora, page))
    stale = cora.post(f"{page}/rows", {"row": seen["framing"]}, page=page)
    assert stale.status_code == 409
    cora.post(f"{page}/undo", {"from": ""}, page=page)
    assert not {"framing", "retrieval"} & set(rows(cora, page))
    cora.post(f"{page}/undo", {"from": ""}, page=page)
    assert "framing" in rows(cora, page), "an approval is undone like any decision"
    assert cora.post(f"{page}/rows", {}, page=page).status_code == 422


def test_only_rows_with_nothing_open_are_clean(sign_in: SignIn, world: World) -> None:
    """All of them are approved by one button; the others say what is open."""
    cora, page = sign_in("Cora"), f"/versions/{world.version_id}"
    card = f"{page}/clusters/c0"
    cora.post(f"{card}/assign", {"category": "framing", "then": "stay"}, page=card)
    html = cora.get(page).text
    card_html = html.split('id="rows-title"')[1].split("</section>")[0]
    clean = {row.partition(":")[0] for row in findall(r'name="row" value="([^"]+)"', card_html)}
    assert "framing" in clean and "retrieval" not in clean
    assert "2 labels undecided" in html


def test_counter_examples_are_kept_shown_and_hashed(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """And a vocabulary without any keeps the hash that it had before there were any."""
    cora, page = sign_in("Cora"), f"/versions/{world.version_id}"
    fields = {"name": "Framing", "macro_strategy": "m", "definition": "d"}
    form = {**fields, "counter_examples": "one <b>\r\ntwo"}
    answer = cora.post(f"{page}/categories/framing/edit", form, page=page)
    assert "<bdi>one &lt;b&gt;</bdi>" in answer.text
    for move, more in (("submit", {}), ("approve", {}), ("freeze", {"typed_name": "v1"})):
        cora.post(f"{page}/{move}", {"reason": "so", **more}, page=page)
    with reading(world_engine) as session:
        assert lifecycle.verify(session, world.version_id)
        assert lifecycle.verify(session, world.frozen_id)
        content = lifecycle.get_content(session, get_version(session, world.version_id))
    assert content.categories[0].counter_examples == ("one <b>", "two")
    assert "Not an example: one <b>" in cora.get(f"{page}/vocabulary.ttl").text


def test_freezing_asks_for_the_name_and_shows_the_hash_before(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """What it shows is what it writes."""
    cora, page = sign_in("Cora"), f"/versions/{world.version_id}"
    for move in ("submit", "approve"):
        cora.post(f"{page}/{move}", {"reason": "so"}, page=page)
    found = search(r"Hash that it will have <code>(\w{64})</code>", cora.get(page).text)
    assert found
    for typed in ("", "v0", "V1"):
        wrong = cora.post(f"{page}/freeze", {"reason": "so", "typed_name": typed}, page=page)
        assert wrong.status_code == 422
    cora.post(f"{page}/freeze", {"reason": "so", "typed_name": "v1"}, page=page)
    with reading(world_engine) as session:
        assert get_version(session, world.version_id).content_hash == found[1]


def test_a_version_goes_out_as_files(sign_in: SignIn, world: World) -> None:
    """In which hostile labels are text: no formula, no markup, no link."""
    ada, page = sign_in("Ada"), f"/versions/{world.version_id}"
    for name in ("vocabulary.ttl", "vocabulary.csv", "labels.csv", "vocabulary.md"):
        answer = ada.get(f"{page}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith('attachment; filename="v1.')
        assert "Self" in answer.text or name == "labels.csv"
    labels = ada.get(f"{page}/labels.csv").text
    assert "\"'=HYPERLINK" in labels and '\n"=HYPERLINK' not in labels
    rhea = sign_in("Rhea")
    for number, text in enumerate(HOSTILE_TEXTS[:5]):
        fields = {"key": f"k{number}", "name": text, "macro_strategy": "m", "definition": text}
        assert rhea.post(f"{page}/categories", fields, page=page).status_code == 200
    markdown = ada.get(f"{page}/vocabulary.md").text
    assert "<script" not in unescape(markdown).replace("\\<", "") and "\\<script\\>" in markdown
    assert ada.get(f"/versions/{world.frozen_id}/vocabulary.csv").status_code == 200
