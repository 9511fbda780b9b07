"""Recipes and launching: known keys only, and a list of arguments that no shell reads."""

import json
import sys
from pathlib import Path

import pytest

from alignment.training.launching import (
    Recipe,
    launch_arguments,
    read_recipe,
    read_settings,
    write_recipe,
)
from alignment.training.recipe import TrainingConfig, TrainingError

HOSTILE = "p; touch /tmp/owned $(reboot) `id` && \n --config_file x"


def test_a_recipe_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    config = TrainingConfig(policy=HOSTILE, report_to=("tensorboard",), lambda_r=None)
    recipe = Recipe(tmp_path / "data", tmp_path / "out", config, processes=2)
    assert read_recipe(write_recipe(recipe)) == recipe


def test_a_recipes_paths_are_relative_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('export = "data"\noutput = "out"\npolicy = "p"\nepochs = 1\n')
    recipe = read_recipe(file)
    assert recipe.export == tmp_path / "data" and recipe.config.epochs == 1
    assert not recipe.is_launched


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"policy": "p", "export": "e"}, "'output'"),
        ({"policy": "p", "export": "e", "output": "o", "processes": 0}, "processes"),
        ({"policy": "p", "export": "e", "output": "o", "shell": "rm"}, "'shell'"),
        ({"export": "e", "output": "o"}, "needs a policy"),
        ([1], "settings by name"),
    ],
)
def test_what_no_recipe_may_say_is_refused(tmp_path: Path, settings: object, named: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(settings))
    with pytest.raises(TrainingError, match=named):
        read_recipe(file)


def test_a_file_of_settings_holds_settings_alone(tmp_path: Path) -> None:
    file = tmp_path / "more.toml"
    file.write_text("moving_z0 = true\nclip = 2.0\n")
    assert read_settings(file) == {"moving_z0": True, "clip": 2.0}
    file.write_text('export = "elsewhere"\n')
    with pytest.raises(TrainingError, match="'export'"):
        read_settings(file)


def test_the_command_is_a_list_that_holds_nothing_of_the_recipes_text(tmp_path: Path) -> None:
    for device, config_file in (("cpu", None), ("auto", None), ("auto", tmp_path / "fsdp.yaml")):
        config = TrainingConfig(policy=HOSTILE, device=device)
        recipe = Recipe(tmp_path, tmp_path / "out", config, 2, config_file)
        arguments = launch_arguments(recipe, Path("recipe.json"), resume=True)
        assert arguments[0] == sys.executable and not any("touch" in one for one in arguments)
        assert arguments[-4:] == ["train", "recipe.json", "--launched", "--resume"]
        assert ("torch.distributed.run" in arguments) == (device == "cpu")
        assert ("--config_file" in arguments) == (config_file is not None)
