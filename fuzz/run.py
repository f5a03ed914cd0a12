"""All targets, or those that are named, one after the other: ``make fuzz``; ``--file`` reproduces what one of them found.

Under atheris, which is guided by the branches that an input takes; where it is not installed Hypothesis takes its place,
with many examples of its own making. Either starts from the files in ``corpus/``.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from fuzz.inputs import CORPUS, LONGEST_INPUT, inputs
from fuzz.properties import PROPERTIES

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"
"""Where inputs are left that broke a property: move one into the corpus once it is mended."""
EXAMPLES_PER_SECOND = 1000
"""What Hypothesis manages, roughly."""


def under_atheris(target: str, seconds: int) -> bool:
    """Whether it came through; prints how often it ran."""
    FINDINGS.mkdir(exist_ok=True)
    grown = FINDINGS / f"{target}.corpus"
    grown.mkdir(exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-timeout=10", "-rss_limit_mb=2048"]
    options += [f"-dict={HERE / 'json.dict'}", f"-artifact_prefix={FINDINGS}/{target}-", "-print_final_stats=1"]
    command = [sys.executable, "-m", "fuzz.target", target, *options, str(grown), str(CORPUS / target)]
    ran = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", ran.stderr))
    print(
        f"{target:14} {figures.get('number_of_executed_units', '?'):>10} runs, "
        f"{figures.get('average_exec_per_sec', '?'):>6} per second, {figures.get('peak_rss_mb', '?'):>4} MB",
        flush=True,
    )
    if ran.returncode != 0:
        print(ran.stderr[max(ran.stderr.rfind("=== Uncaught"), 0) :][-4000:])
    return ran.returncode == 0


def under_hypothesis(target: str, seconds: int) -> bool:
    """The same without atheris: as many examples as fit, roughly, half of them made from the corpus."""
    examples = seconds * EXAMPLES_PER_SECOND
    own = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    check = own(given(inputs(target))(PROPERTIES[target]))
    began = time.monotonic()
    try:
        check()
    except Exception as error:  # noqa: BLE001  # whatever broke, with the smallest input that does
        print(f"{target:14} failed: {error!r}\n{getattr(error, '__notes__', '')}")
        return False
    took = time.monotonic() - began
    print(f"{target:14} {examples:>10} examples in {took:.0f} s, without atheris", flush=True)
    return True


def main() -> int:
    """How many targets did not come through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(PROPERTIES)}; all by default")
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--file", type=Path, help="run one target on this input alone")
    asked = parser.parse_args()
    targets = asked.targets or list(PROPERTIES)
    if unknown := set(targets) - PROPERTIES.keys():
        parser.error(f"there is no target {', '.join(unknown)}")
    if asked.file is not None:
        for target in targets:
            PROPERTIES[target](asked.file.read_bytes())
        return 0
    fuzz = under_atheris if importlib.util.find_spec("atheris") else under_hypothesis
    return sum(not fuzz(target, asked.seconds) for target in targets)


if __name__ == "__main__":
    sys.exit(main())
