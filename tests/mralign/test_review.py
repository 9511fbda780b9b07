"""`mralign taxonomy queue|recluster` and `mralign cluster add` on a small review."""

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from benchmarks.inventories import guide_by_preset, write_cells, write_labels
from mralign.main import app
from mralign.review import describe_outlook
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput, MralignError
from store.reviews import list_events
from store.states import Role
from store.tables import Run
from store.taxonomies import get_version
from taxonomy.discovery.run import read_inventory
from taxonomy.guidance.queue import Outlook
from taxonomy.review.curation import Merge, get_review_state
from taxonomy.review.reclustering import compare_whole
from taxonomy.suggestions.suggesting import suggest
from tests import builders
from tests.taxonomy.discovery.test_named_clusters import embed

LABELS = [f"{verb} thing{letter}" for verb in ("recall", "verify") for letter in "abcdef"]
runner = CliRunner()


@pytest.fixture
def engine_of_env(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """A database with a guided clustering and a draft, named in the environment."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    engine = get_engine(sqlite_url)
    cluster(engine, LABELS)
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    return engine


def cluster(engine: sa.Engine, texts: list[str]) -> Run:
    with transaction(engine) as session:
        session.execute(sa.text("UPDATE question SET key = 'k' || id"))
        session.execute(sa.text("UPDATE trace SET external_id = 'e' || id"))
    run = write_labels(engine, [(text, None) for text in texts], [3] * len(texts))
    labels, _ = read_inventory(engine, run.id)
    return write_cells(engine, run, labels, guide_by_preset(labels, embed), embed)


def mralign(*words: str) -> str:
    """Run a command that has to succeed; its output."""
    result = runner.invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str) -> MralignError:
    """Run a command that has to fail with an error that the user can mend."""
    result = runner.invoke(app, words)
    assert isinstance(result.exception, MralignError), result.output
    return result.exception


def test_the_queue_says_what_is_next_and_whether_it_pays(engine_of_env: sa.Engine) -> None:
    """Clusters, single labels with their gains, and how right it is expected to be."""
    said = mralign("taxonomy", "queue", "v1", "--limit", "3")
    assert "Clusters that wait: 2" in said
    assert "Single labels, the most telling first" in said
    assert "expected to be right:" in said


def test_an_outlook_in_words() -> None:
    """Now, after how many answers, and whether they pay."""
    said = describe_outlook(Outlook(0.912, 0.934, 20, True))
    assert said == (
        "expected to be right: 91.2 % as it stands, 93.4 % after 20 more answers; more review pays"
    )
    assert "hardly pays" in describe_outlook(Outlook(0.97, 0.971, 20, False))


def test_suggestions_are_listed_with_who_made_them(engine_of_env: sa.Engine) -> None:
    """In the words of the pages; without one it says so."""
    assert "0 to answer" in mralign("taxonomy", "suggestions", "v1")
    with transaction(engine_of_env) as session:
        version = get_version(session, "v1")
        ada = builders.add_person(session, "Ada", Role.ANNOTATOR)
        anchors = tuple(group.anchor for group in get_review_state(session, version.id).groups)
        suggest(session, version.id, Merge(anchors[:2]), person=ada, seen_revision=None)
    said = mralign("taxonomy", "suggestions", "v1")
    assert "merge “" in said and "Ada" in said and "1 to answer" in said


def test_another_clustering_is_shown_and_only_then_applied(engine_of_env: sa.Engine) -> None:
    """Without --apply nothing changes; with it one event says who and why."""
    other = cluster(engine_of_env, [*LABELS, "recall zeal"])
    number = str(other.id)
    said = mralign("taxonomy", "recluster", "v1", "--cluster-run", number)
    assert "1 new (3 instances)" in said and "nothing is changed" in said
    said = mralign(
        "taxonomy", "recluster", "v1", "--cluster-run", number, "--apply", "--reason", "new labels"
    )
    assert f"v1 stands on cluster run {number} now, revision 2" in said
    with reading(engine_of_env) as session:
        event = list_events(session, get_version(session, "v1").id)[-1]
    assert (event.kind, event.payload["to"], event.reason) == ("recluster", other.id, "new labels")
    assert "99" in str(refused("taxonomy", "recluster", "v1", "--cluster-run", "99"))


def test_a_category_of_another_clustering_is_taken_alone(engine_of_env: sa.Engine) -> None:
    """One event for each; one that has nothing to take is refused before anything is written."""
    words = ("taxonomy", "recluster", "v1", "--cluster-run")
    number = str(cluster(engine_of_env, [*LABELS, "recall zeal"]).id)
    with reading(engine_of_env) as session:
        found = compare_whole(session, get_version(session, "v1").id, int(number)).portions
    first = found[0].category or "-"
    assert "analogy" in str(refused(*words, number, "--category", "analogy", "--apply"))
    said = mralign(*words, number, "--category", first, "--apply")
    assert f"{len(found[0].keys)} labels went over, revision 2" in said
    with reading(engine_of_env) as session:
        assert get_version(session, "v1").cluster_run_id != int(number)


def test_adding_nothing_new_and_asking_for_two_guides_are_refused(
    engine_of_env: sa.Engine,
) -> None:
    """Before a model is loaded."""
    assert isinstance(refused("cluster", "add"), InvalidInput)
    assert isinstance(refused("cluster", "run", "--discover", "--version", "v1"), InvalidInput)
