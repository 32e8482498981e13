"""What `shell` becomes, run by the shell of this machine as its container would run it."""

import subprocess
from typing import Any

import pytest

from crontask_core.substitution import expand
from crontask_gateway.dialects.dkron.actions import container_of
from crontask_gateway.dialects.dkron.actions.pods import shell
from crontask_gateway.dialects.dkron.wire import JobIn


def ran(**config: Any) -> tuple[int, str]:
    """Exit code and output, with the variables that a container has, and references as Kubernetes expands them."""
    container = container_of(shell(JobIn(name="job", executor="shell", executor_config=config), "busybox")["pod"])
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    for variable in container.get("env", ()):
        env[variable["name"]] = expand(variable["value"], env)
    command = [expand(word, env) for word in (*container["command"], *container.get("args", ()))]
    done = subprocess.run(
        command, env=env, cwd=container.get("workingDir"), capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"command": "echo said; exit 1", "shell": "true"}, (1, "said\n"), id="B21 it fails"),
        pytest.param({"command": "cat", "payload": "aGVsbG8="}, (0, "hello"), id="B21 payload"),
        pytest.param(
            {"command": "tr a-z A-Z | cat", "shell": "true", "payload": "aGVsbG8="},
            (0, "HELLO"),
            id="B21 payload, shell",
        ),
        pytest.param(
            {"command": "echo $A $ENV_JOB_NAME", "shell": "true", "env": "A=1,B=2"}, (0, "1 job\n"), id="B21 variables"
        ),
        pytest.param({"command": "pwd", "cwd": "/tmp"}, (0, "/tmp\n"), id="B21 folder"),
        pytest.param({"command": "echo a && echo b", "shell": "false"}, (0, "a\n"), id="B22 without a shell"),
        pytest.param({"command": "echo a && echo b", "shell": "true"}, (0, "a\nb\n"), id="with a shell"),
        pytest.param({"command": "echo $(printf b) '$$'", "shell": "true"}, (0, "b $$\n"), id="dollars"),
        pytest.param({"command": "echo 'a  b' \"c\" $HOME"}, (0, "a  b c $HOME\n"), id="nothing is expanded"),
        pytest.param({}, (1, "shell: Command missing\n"), id="no command"),
    ],
)
def test_what_a_shell_does(config: dict[str, Any], expected: tuple[int, str]) -> None:
    assert ran(**config) == expected
