"""The arithmetic that is shown of a weight comes to the weight that was exported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment.explanation.arithmetic import weigh
from alignment.export.pool import ExportSettings
from alignment.export.run import export_training_set, pair_traces
from alignment.transitions.fits import FitSettings

MakeCorpus = Callable[..., Any]


@pytest.mark.parametrize(
    "fitting",
    [FitSettings(), FitSettings(shrinkage_moves=8.0), FitSettings(preset="single", balanced=True)],
)
def test_every_weight_of_an_export_is_worked_out_again(
    make_corpus: MakeCorpus, tmp_path: Path, fitting: FitSettings
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    settings = ExportSettings(fitting=fitting)
    report = export_training_set(corpus.engine, tmp_path / "out", settings)
    rows = [
        row
        for name in ("train.jsonl", "validation.jsonl")
        for row in map(json.loads, (report.folder / name).read_text("utf-8").splitlines())
    ]
    units = [(unit, row["label"]) for row in rows for unit in row["segments"] if unit["move"]]
    assert units
    for unit, desirable in units:
        found = weigh(report.manifest["transitions"], unit["move"], desirable)
        assert found["arithmetic"]["weight"] == pytest.approx(unit["weight"], rel=1e-12)
        assert found["arithmetic"]["ratio"] == pytest.approx(unit["ratio"], rel=1e-12)
        for side in ("polar", "overall"):
            assert sum(cell[f"{side}_share"] for cell in found["cells"]) == pytest.approx(1.0)
        for cell in found["cells"]:
            assert cell["delta"] == cell["polar"] - cell["overall"]
            assert cell["overall_row_support"] >= cell["overall_support"] > 0


def test_a_move_that_no_matrix_knows_weighs_1_and_hides_each_pair_alike() -> None:
    states = ["start", "a", "b", "stop"]
    fit = {
        "matrix": [[0.0] * 4] * 4, "support": [[0.0] * 4] * 4, "traces": 1, "moves": 1,
        "iterations": 1, "converged": True, "largest_change": 0.0,
    }  # fmt: skip
    transitions = {
        "states": states, "preset": {}, "balanced": False, "shrinkage_moves": 0.0,
        "fitted_on": "-", "fits": {"overall": fit, "positive": fit},
    }  # fmt: skip
    found = weigh(transitions, [["a"], ["a", "b"]], True)
    assert found["arithmetic"]["weight"] == 1.0
    assert [cell["polar_share"] for cell in found["cells"]] == [0.5, 0.5]
