"""One of the processes that a test launches: it trains the recipe of an output folder."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    import torch

    from alignment.training.course import train_from_export
    from alignment.training.launching import RECIPE_FILE, read_recipe

    torch.set_num_threads(1)
    recipe = read_recipe(Path(sys.argv[1]) / RECIPE_FILE)
    train_from_export(recipe.export, recipe.output, recipe.config)
