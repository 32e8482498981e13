"""What a failed kubectl is told with."""

from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.kubectl import Kubectl

STDERR = """Warning: resource things/t is missing an annotation
error: Apply failed with 1 conflict: conflict with "somebody": .spec.weekly
See https://example.test/docs for help"""


def test_a_failure_is_told_by_its_first_line_that_is_no_warning(tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'EOF'\n{STDERR}\nEOF\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ClusterError, match=r"failed \(error: Apply failed with 1 conflict.*\.spec\.weekly\): see"):
        Kubectl(str(program), tmp_path / "kubeconfig", {"PATH": "/bin:/usr/bin"}).run("apply")
