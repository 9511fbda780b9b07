"""Stability and names of a cluster run in the store."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray

from gateway.door import open_role
from gateway.roles import Role, resolve_role
from store.engine import reading, transaction
from store.errors import Conflict, InvalidInput
from store.runs import get_run
from store.states import RunKind
from store.tables import ClusterDescription
from store.taxonomies import list_clusters
from taxonomy.discovery.checkup import check_stability
from taxonomy.discovery.naming_run import Namer, describe_run
from taxonomy.discovery.run import run_clustering
from taxonomy.labels.representation import LettersAlone
from taxonomy.versions.lifecycle import create_draft
from tests.builders import add_label, add_question, add_run, add_trace
from tests.fakes import EMPTY, FakeEndpoint, Fault

TEXTS = ("recall a fact", "recall a date", "recall a name", "check a sum", "check a date",
         "check a name", "plan steps", "plan work", "plan again")  # fmt: skip


class Words:
    """The sum of a random vector a word, the first word counting threefold."""

    def __init__(self, name: str = "words") -> None:
        self.name = name

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts."""
        rows = [
            sum(self._word(word) * (3.0 if place == 0 else 1.0) for place, word in enumerate(t))
            for t in (text.lower().split() for text in texts)
        ]
        return np.asarray(rows, dtype=np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        seed = hashlib.sha256(f"{self.name} {word}".encode()).digest()[0:4]
        return np.random.default_rng(int.from_bytes(seed, "big")).normal(size=24)


@pytest.fixture
def run_id(engine: sa.Engine) -> int:
    """A cluster run over nine labels of three kinds."""
    with transaction(engine) as session:
        _, segments = add_trace(session, add_question(session, "q"), ["a ", "b ", "c "])
        run = add_run(session, RunKind.LABEL)
        for place, text in enumerate(TEXTS):
            add_label(session, run, text, segments[: 1 + place % 3])
    return int(run_clustering(engine, Words()).id)


def test_stability_is_kept_with_the_run(engine: sa.Engine, run_id: int) -> None:
    """By what was changed and by cluster; another run's encoder is refused."""
    seen: list[tuple[int, int]] = []
    found = check_stability(
        engine, run_id, Words(), seeds=1, drops=2, others=[Words("other")],
        on_repetition=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[-1] == (4, 4) and len(found.clusters) == 3
    assert set(found.agreements) == {"seed", "a tenth dropped", "embedding model"}
    with reading(engine) as session:
        kept = get_run(session, run_id).metrics
    assert kept["labels"] == 9 and set(kept["stability"]["clusters"]) == {"0", "1", "2"}
    assert kept["stability"]["clusters"]["0"]["verdict"] == "solid"
    assert kept["coverage"] == 1.0 and kept["silhouette"] > 0
    with pytest.raises(InvalidInput, match="--embedding-model"):
        check_stability(engine, run_id, Words("other"))
    with pytest.raises(InvalidInput, match="at least one repetition"):
        check_stability(engine, run_id, Words(), seeds=0, drops=0)


def test_clusters_are_described_offline(engine: sa.Engine, run_id: int) -> None:
    """Twice is as once; a run that a version uses keeps its names."""
    first, second = (describe_run(engine, run_id, Words()) for _ in range(2))
    assert first == second and len(first) == 3
    with reading(engine) as session:
        clusters = list_clusters(session, run_id)
        rows = [session.get(ClusterDescription, each.id) for each in clusters]
    assert all(row is not None and row.named_by == "offline" and row.examples for row in rows)
    assert all(row is not None and row.difference.startswith("Near ") for row in rows)
    with transaction(engine) as session:
        create_draft(session, "v1", cluster_run_id=run_id)
    with pytest.raises(Conflict, match="v1 uses run"):
        describe_run(engine, run_id, Words())


def said(body: dict[str, Any]) -> str:
    """A name from the first label that is shown; the same name for two of the clusters."""
    shown = body["messages"][1]["content"].split("labels>")[1]
    kind = "planning" if "plan" in shown else "remembering"
    if "remembering" in body["messages"][1]["content"].split("Names that are taken")[1]:
        kind = "verifying"
    return json.dumps({"name": kind, "definition": "d", "scope_note": "", "examples": ["plan work"],
                       "difference": "x"})  # fmt: skip


def name_with(engine: sa.Engine, run_id: int, faults: Sequence[Fault | None]) -> list[Any]:
    """Let a real endpoint name the clusters, one at a time."""
    with FakeEndpoint(said, faults=faults) as endpoint:
        role = resolve_role(
            Role.NAMER, options={"base_url": endpoint.base_url, "model": "fake", "at_once": 1}
        )
        with open_role(engine, role) as door:
            door.run_id = run_id
            return describe_run(engine, run_id, Words(), Namer(door.ask, door.model, 1))


def test_an_endpoint_names_clusters_apart(
    engine: sa.Engine, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clusters of one name are told apart; an empty reply is asked again, never used."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    named = name_with(engine, run_id, [EMPTY])
    assert sorted(each.description.name for each in named) == [
        "planning", "remembering", "verifying",
    ]  # fmt: skip
    assert all(each.by_model for each in named)
    with reading(engine) as session:
        run = get_run(session, run_id)
        names = sorted(each.name for each in list_clusters(session, run_id))
    assert names == ["planning", "remembering", "verifying"]
    assert run.tokens > 0 and run.prompt_hash and run.metrics["naming"]["by_model"] == 3
    assert name_with(engine, run_id, []) and get_kept(engine, run_id) == run.tokens


def get_kept(engine: sa.Engine, run_id: int) -> int:
    """What the run has paid: kept replies cost nothing again."""
    with reading(engine) as session:
        return int(get_run(session, run_id).tokens)


def test_an_endpoint_that_says_nothing_leaves_offline_names(
    engine: sa.Engine, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the reason."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    before = [each.description.name for each in describe_run(engine, run_id, Words())]
    named = name_with(engine, run_id, [EMPTY] * 20)
    assert [each.description.name for each in named] == before
    assert all(not each.by_model and "empty" in str(each.problem) for each in named)


def test_letters_alone_stand_for_another_model(engine: sa.Engine, run_id: int) -> None:
    """So that the third kind of repetition needs no download; texts of one spelling are one."""
    found = check_stability(engine, run_id, Words(), seeds=0, drops=0, others=[LettersAlone()])
    assert set(found.agreements) == {"embedding model"}
    one, other, far = LettersAlone()(["Recall a fact", "recall  a FACT", "plan steps"])
    assert one @ other > 0.999 > 0.5 > one @ far
