"""`vex doctor`: is this machine fit?"""

import typer

from vexcli import __version__
from vexcli.console import Console
from vexcli.errors import EXIT_TOOL_MISSING
from vexcli.options import AsJson


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Is this machine fit for vex?

    Shows what is found, and the command that installs what is missing. Ends with exit code 4 where something is
    missing that vex cannot do without.

    \b
    Example:
      vex doctor
    """
    from videoexpert.environment import examine

    console = Console.of(context)
    findings = examine()
    if as_json:
        checks = [{"name": f.name, "state": f.state, "found": f.found, "install": f.install} for f in findings]
        console.json({"vex": __version__, "checks": checks})
    else:
        marks = {"ok": "ok", "optional": "-", "missing": "MISSING"}
        rows = [("vex", "ok", __version__, ""), *((f.name, marks[f.state], f.found, f.install or "") for f in findings)]
        console.table(("what", "state", "found", "to install"), rows)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(EXIT_TOOL_MISSING)
