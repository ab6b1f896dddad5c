"""How long vex takes to start, beside a bare Python, and which imports the time goes to.

    python benchmarks/startup.py VIDEO

Prints the best and the median wall time of `vex --help` and `vex probe`, and the slowest imports of each.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROUNDS = 9
SHOWN = 8


def wall_times(command: Sequence[str]) -> list[float]:
    """Seconds of wall time of each of ROUNDS runs, after one that warms the caches; rising."""
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return sorted(times[1:])


def slowest_imports(arguments: Sequence[str]) -> list[tuple[float, str]]:
    """(milliseconds of its own, module) of the slowest imports of `vex ARGUMENTS`."""
    command = [sys.executable, "-X", "importtime", "-m", "vexcli", *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    rows = [
        line.removeprefix("import time:").split("|") for line in said.splitlines() if line.startswith("import time:")
    ]
    times = [(int(row[0]) / 1000, row[2].strip()) for row in rows if row[0].strip().isdigit()]
    return sorted(times, reverse=True)[:SHOWN]


def main(video: Path) -> None:
    """Measure and print."""
    bare = statistics.median(wall_times([sys.executable, "-c", "pass"]))
    print(f"{'command':28} {'best':>8} {'median':>8} {'x bare python':>14}")
    print(f"{'python -c pass':28} {'':8} {bare:7.3f}s {1.0:13.1f}x")
    for arguments in (["--help"], ["probe", str(video)], ["probe", str(video), "--frames", "100"]):
        times = wall_times([sys.executable, "-m", "vexcli", *arguments])
        median = statistics.median(times)
        shown = " ".join(["vex", arguments[0], *arguments[2:]])
        print(f"{shown:28} {times[0]:7.3f}s {median:7.3f}s {median / bare:13.1f}x")
    for arguments in (["--help"], ["probe", str(video)]):
        print(f"\nslowest imports of vex {arguments[0]} (the parent process), ms each:")
        for milliseconds, module in slowest_imports(arguments):
            print(f"  {milliseconds:7.1f}  {module}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
