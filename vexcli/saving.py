"""Result files are written, or kept where they exist, and it is said which."""

from typing import TYPE_CHECKING

from vexcli.console import Console

if TYPE_CHECKING:
    from vexcli.outputs.files import OutputFile


def save(console: Console, planned: "OutputFile", *, overwrite: bool) -> None:
    """Write one file whole. Raises OutputError where it cannot be written, and the writer's own errors."""
    from videoexpert.atomic import prepare_folder, write_bytes

    if planned.path.exists() and not overwrite:
        console.warning(f"{planned.path}: exists, kept (--overwrite replaces it)")
        return
    prepare_folder(planned.path.parent)
    write_bytes(planned.path, planned.writer.write(planned.timelines).encode(), overwrite=overwrite)
    console.note(f"wrote {planned.path}")
