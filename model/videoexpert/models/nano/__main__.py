"""`python -m videoexpert.models.nano RECIPE OUT`: train nano anew from its pulled parts."""

import argparse
from pathlib import Path

from videoexpert.hub import Origin, fetch, known_model, part_store
from videoexpert.models.nano.recipe import read_recipe, run_recipe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m videoexpert.models.nano", description=__doc__)
    parser.add_argument("recipe", type=Path, help="recipe.yaml, which lies beside this program, or one of your own")
    parser.add_argument("out", type=Path, help="the folder for weights.safetensors and training.jsonl")
    given = parser.parse_args()
    known = known_model("nano")
    assert known is not None
    parts = fetch(known.parts, part_store(), Origin(), on_progress=lambda progress: None)
    run_recipe(read_recipe(given.recipe), parts, given.out)


if __name__ == "__main__":
    main()
