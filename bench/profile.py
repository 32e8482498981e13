"""Samples an operator while it is measured (`--profile`): where its processor time goes, as collapsed stacks.

py-spy looks at the process from outside, so that the operator runs as ever; it is not among the locked packages,
because nothing but this needs it. Figures of a profiled run are a little worse than others: do not commit them.
"""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

RATE = 100
SAMPLER_SECONDS = 30.0
"""How long it may take to write what it has seen, once the operator has ended."""


def sample(pid: int, folder: Path) -> "subprocess.Popen[bytes]":
    """Samples a process until it ends, into a file of `folder`: one line for each stack, with how often it was seen."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise RuntimeError("--profile needs py-spy: .venv/bin/python -m pip install py-spy")
    folder.mkdir(exist_ok=True)
    output = folder / f"{datetime.now(UTC):%H%M%S}-{pid}.txt"
    command = [program, "record", "--pid", str(pid), "--format", "raw", "--rate", str(RATE), "--output", str(output)]
    with (folder / "py-spy.log").open("ab") as log:
        return subprocess.Popen([*command, "--nonblocking"], stdout=log, stderr=log)
