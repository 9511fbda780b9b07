"""`mralign annotate distill` and `annotate run --distilled`, as a user runs them."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotator.distillation.features import shape_matrix
from annotator.distillation.learning import distill
from annotator.distillation.lessons import Lessons
from annotator.embedded.evidence import read_segments
from annotator.labeling.run import load_vocabulary
from gateway.embeddings import CachedEncoder
from store.annotations import StepRow, add_steps
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput
from store.states import RunKind
from store.tables import Run, Trace
from tests.builders import add_run
from tests.fakes import FakeEndpoint
from tests.mralign.test_label import annotate, database, no_endpoint

__all__ = ["database", "no_endpoint"]  # fixtures


@pytest.mark.models
def test_a_head_is_distilled_and_used(database: str, tmp_path: Path) -> None:
    """Four traces are few, but the way is the same as with thousands."""
    folder = str(tmp_path / "head")
    with transaction(get_engine(database)) as session:
        version = load_vocabulary(get_engine(database))
        parameters = {"taxonomy": "v1", "version_id": version.version.id, "content_hash": "c"}
        run = add_run(session, RunKind.ANNOTATE, parameters=parameters)
        keys = ("framing", "retrieval", "backtracking", "summarization")
        steps = [StepRow(n, n + 1, ((key, 8.0),)) for n, key in enumerate(keys)]
        for trace in session.exec(select(Trace.id)).all():
            add_steps(session, run.id, trace, "consensus", steps, version.ids)
    learnt = annotate("distill", folder)
    assert learnt.exit_code == 0, learnt.output
    assert "16 segments of 4 traces" in learnt.output and "temperature" in learnt.output
    sure = annotate("run", "--distilled", folder)
    assert sure.exit_code == 0 and "distilled 16 (100.0%)" in sure.output, sure.output


def test_options_that_make_no_sense_are_refused(database: str, tmp_path: Path) -> None:
    for words, reason in (
        (("--escalate",), "--distilled FOLDER"),
        (("--distilled", "x", "--escalate"), "--abstain-below beside"),
        (("--distilled", "x", "--escalate", "--abstain-below", "5"), "endpoint"),
        (("--distilled", "x"), "head.json"),
    ):
        result = annotate("run", *words)
        assert isinstance(result.exception, InvalidInput), (words, result.output)
        assert reason in str(result.exception)


@pytest.mark.models
def test_what_the_head_is_not_sure_of_is_asked_once_and_paid_by_the_run(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The four traces are alike, so one request counts; a second run sends and pays none."""
    folder = str(tmp_path / "head")
    engine = get_engine(database)
    unsure_head(engine, tmp_path / "head")
    words = ("run", "--distilled", folder, "--abstain-below", "10", "--escalate", "--model-a", "m")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with FakeEndpoint() as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        counted = annotate(*words, "--dry-run")
        assert "1 requests" in counted.output and not endpoint.bodies, counted.output
        for _ in range(2):
            result = annotate(*words)
            assert result.exit_code == 0, result.output
            assert "escalated" in result.output and "abstained" not in result.output.split(":")[-1]
        assert 0 < len(endpoint.bodies) <= 4
    with reading(engine) as session:
        first, second = session.exec(select(Run).where(Run.kind == RunKind.ANNOTATE)).all()
    assert first.tokens > 0 and second.tokens == 0


def unsure_head(engine: sa.Engine, folder: Path) -> None:
    """A head that has learnt nothing but that all categories are as likely."""
    categories = load_vocabulary(engine).categories
    texts = [["I recall it.", "Wait, no."], ["So it is.", "It is."]]
    read = read_segments(CachedEncoder(engine), texts)
    shapes = shape_matrix([text for each in texts for text in each])
    keys = [category.key for category in categories]
    votes = [[((keys[n], 5.0),) for n in range(4)]]
    distill(Lessons(read, shapes, votes), keys).save(folder)
