"""`vex models`: which models there are, where they lie, and how one is imported."""

from pathlib import Path
from typing import Annotated

import typer

from vexcli.base import VexCommand, VexGroup
from vexcli.console import Console
from vexcli.options import AsJson, Overwrite

models = typer.Typer(name="models", cls=VexGroup, help="Which models there are, where they lie, how to import one.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or folder.")]
Base = Annotated[str, typer.Option("--base", metavar="DIR", help="The base model: vicuna-7b-v1.5.")]
Expert = Annotated[
    str, typer.Option("--expert", metavar="DIR", help="pytorch_model.bin and non_lora_trainables.bin of VideoExpert.")
]
Projector = Annotated[str, typer.Option("--projector", metavar="FILE", help="mm_projector.bin.")]
Clip = Annotated[str, typer.Option("--clip", metavar="FILE", help="OpenAI's ViT-L-14.pt, or a folder with CLIP.")]
Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="DIR", help="The new model; by default under --name, where vex looks."),
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it.")]
Standalone = Annotated[
    bool, typer.Option("--standalone", help="Store the base too (13 GB), instead of using it from where it lies.")
]


@models.command("list", cls=VexCommand)
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """Which models are here, and which are known.

    \b
    Example:
      vex models list
    """
    from videoexpert.hub import KNOWN, installed

    console = Console.of(context)
    here = {model.name: model for model in installed()}
    known = {model.name: model for model in KNOWN}
    rows = []
    for name in dict.fromkeys((*here, *known)):
        where = str(here[name].folder) if name in here else ""
        rows.append((name, "installed" if name in here else "known", where, known[name].about if name in known else ""))
    if as_json:
        keys = ("name", "state", "folder", "about")
        console.json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    console.table(("model", "state", "folder", "what it is"), rows)


@models.command(cls=VexCommand)
def info(context: typer.Context, model: Model, as_json: AsJson = False) -> None:
    """What a model is, what it needs, and its card.

    \b
    Example:
      vex models info videoexpert-7b
    """
    from videoexpert.checkpoint import read_folder
    from videoexpert.hub import KNOWN, find_model

    console = Console.of(context)
    known = next((entry for entry in KNOWN if entry.name == model), None)
    facts = {"model": model}
    if known is not None:
        facts |= {"about": known.about, "licence": known.licence, "import": known.source}
    card = ""
    if known is None or _is_here(model):
        folder = find_model(model)
        read = read_folder(folder)
        config = read.config
        facts |= {
            "folder": str(folder),
            "language model": f"{config.llm.get('num_hidden_layers')} layers of {config.llm.get('hidden_size')}",
            "sees": f"{config.frames} frames of {config.vision.image_size} pixels",
            "base": str(read.llm_base.path) if read.llm_base else "in the folder",
            "vision": str(read.vision_base.path) if read.vision_base else "in the folder",
        }
        card = read.card()
    else:
        facts["state"] = "not installed"
    if as_json:
        console.json(facts | {"card": card})
        return
    console.table(("", ""), list(facts.items()))
    if card:
        console.data(f"\n{card.rstrip()}")


@models.command(cls=VexCommand)
def path(context: typer.Context, model: Model) -> None:
    """Print the folder of a model.

    \b
    Example:
      ls "$(vex models path videoexpert-7b)"
    """
    from videoexpert.hub import find_model

    Console.of(context).data(str(find_model(model)))


@models.command("import", cls=VexCommand)
def import_model(
    context: typer.Context,
    base: Base,
    expert: Expert,
    projector: Projector,
    clip: Clip,
    out: Out = None,
    name: Name = "videoexpert-7b",
    standalone: Standalone = False,
    overwrite: Overwrite = False,
) -> None:
    """Make a model of the files that VideoExpert's authors publish.

    Every tensor must be where it belongs. Nothing in the files is run. Only what differs from the base is stored; the
    base and CLIP are used from where they lie, and their hashes are checked.

    \b
    Example:
      vex models import --base vicuna-7b-v1.5 --expert VideoExpert --projector mm_projector.bin --clip ViT-L-14.pt
    """
    from videoexpert.checkpoint import PublishedFiles, import_published
    from videoexpert.hub import models_folder

    console = Console.of(context)
    target = Path(out) if out else models_folder() / name
    files = PublishedFiles(base=Path(base), expert=Path(expert), projector=Path(projector), clip=Path(clip))
    with console.progress(f"importing {target}", total=None):
        import_published(files, target, standalone=standalone, overwrite=overwrite)
    console.data(str(target))


def _is_here(model: str) -> bool:
    from videoexpert.hub import installed

    return any(entry.name == model for entry in installed()) or Path(model).is_dir()
