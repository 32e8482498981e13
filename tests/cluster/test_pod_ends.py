"""How pods end, and that each end is told apart in the execution: real pods on a real node.

All tasks of the table are applied and run at once; each test then waits for its own.
"""

from dataclasses import dataclass, field

import pytest
from live.stories import Body, Stage, execution, status, task, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(150)]


KILLED = 128 + 9
"""The exit code of a program that the kernel has killed."""


@dataclass(frozen=True)
class End:
    """One pod and what is to become of its execution."""

    name: str
    action: Body
    phase: str
    reason: str
    told: str = ""
    """Words of the execution's message."""
    exit_code: int | None = None
    output: str | None = None
    spec: Body = field(default_factory=dict)
    mistaken: str = ""
    """What the node may tell in place of the reason: containerd hears of a container's end and of its cause by two
    events, and the second may come too late. Then the pod is run again, at most twice."""


def ends(stage: Stage) -> list[End]:
    """The table."""
    pod, template = stage.pod, stage.template
    absent = {"image": "localhost/crontask/absent:1", "command": ["true"]}
    doomed = {"image": "NOT AN/image", "command": ["true"]}
    tight = {"limits": {"memory": "16Mi"}}
    from_nowhere = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "nothing", "key": "here"}}}]
    two = [{"name": name, "image": stage.image, "command": ["echo", f"I am {name}"]} for name in ("sidecar", "the-one")]
    chosen = {"annotations": {"kubectl.kubernetes.io/default-container": "the-one"}}
    init = {"name": "first", "image": stage.image, "command": ["sh", "-c", "echo no; exit 5"]}
    memory = {"name": "v", "emptyDir": {}}
    patient = {
        "name": "main",
        "image": stage.image,
        "command": ["sh", "-c", "test -e /v/again || { touch /v/again; exit 1; }; echo at last"],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    return [
        End("succeeds", pod("echo one; echo two"), "Succeeded", "Completed", exit_code=0, output="one\ntwo\n"),
        End("fails", pod("echo bad >&2; exit 3"), "Failed", "NonZeroExit", "exit code 3", 3, "bad\n"),
        End("no-image", pod("") | absent | {"pendingTimeoutSeconds": 25}, "Failed", "ImagePull", "absent:1"),
        End("bad-image-name", pod("") | doomed, "Failed", "ImagePull", "NOT AN/image"),
        End(
            "out-of-memory",
            pod("x=a; while :; do x=$x$x; done", resources=tight),
            "Failed",
            "OOMKilled",
            mistaken="NonZeroExit",
        ),
        End(
            "deadline",
            pod("echo begun; trap exit TERM; sleep 60 & wait"),
            "Failed",
            "Timeout",
            output="begun\n",
            spec={"timeoutSeconds": 3},
        ),
        End(
            "unschedulable",
            template("true", nodeSelector={"no": "such-node"}) | {"pendingTimeoutSeconds": 3},
            "Failed",
            "Unschedulable",
            "node affinity/selector",
        ),
        End("init-fails", template("true", initContainers=[init]), "Failed", "NonZeroExit", "exit code 5", 5),
        End(
            "invalid-pod",
            template("true", volumes=[{"name": "No Name", "emptyDir": {}}]),
            "Failed",
            "InvalidPod",
            "spec.volumes[0].name",
        ),
        End(
            "no-secret",
            pod("true", env=from_nowhere) | {"pendingTimeoutSeconds": 25},
            "Failed",
            "ContainerConfig",
            '"nothing" not found',
        ),
        End(
            "no-such-program",
            pod("") | {"command": ["/no/such/program"]},
            "Failed",
            "ContainerConfig",
            "/no/such/program",
            128,
        ),
        End(
            "chosen-container",
            {"template": {"metadata": chosen, "spec": {"containers": two}}},
            "Succeeded",
            "Completed",
            output="I am the-one\n",
        ),
        End(
            "on-failure",
            {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [patient], "volumes": [memory]}}},
            "Succeeded",
            "Completed",
            output="at last\n",
        ),
        End(
            "long-output",
            # Some container runtimes lose what is still in the pipe when a container ends.
            pod("seq 1 20000; sleep 2"),
            "Succeeded",
            "Completed",
            output="19999\n20000\n",
            spec={"history": {"outputBytes": 12}},
        ),
        End(
            "told-about-itself",
            pod("env | grep ^CRONTASK_TASK; echo $(CRONTASK_ATTEMPT)"),
            "Succeeded",
            "Completed",
            output="CRONTASK_TASK=told-about-itself\n1\n",
        ),
    ]


NAMES = (
    *("succeeds", "fails", "no-image", "bad-image-name", "out-of-memory", "deadline", "unschedulable", "init-fails"),
    *("invalid-pod", "no-secret", "no-such-program", "chosen-container", "on-failure", "long-output"),
    "told-about-itself",
)


@pytest.fixture(scope="module")
def table(stage: Stage) -> dict[str, End]:
    """Every row, with its task applied and one execution of it made."""
    rows = {row.name: row for row in ends(stage)}
    assert tuple(rows) == NAMES
    stage.apply(*(task(row.name, pod=row.action, **row.spec) for row in rows.values()))
    stage.run(*rows)
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_end(stage: Stage, table: dict[str, End], name: str) -> None:
    row = table[name]
    found = status(stage.ended(f"{name}-now"))
    for again in (f"{name}-again", f"{name}-once-more"):
        if found["reason"] != row.mistaken:
            break
        assert found["attempts"][-1]["exitCode"] == KILLED, found
        stage.create(execution(again, name))
        found = status(stage.ended(again))
    attempt = found["attempts"][-1]
    assert (found["phase"], found["reason"]) == (row.phase, row.reason), found
    assert row.told in found.get("message", "")
    assert attempt["reason"] == row.reason
    if row.exit_code is not None:
        assert attempt["exitCode"] == row.exit_code
    if row.output is not None:
        assert found["output"] == row.output
    assert found.get("outputTruncated", False) == (name == "long-output")


def test_pods_go_and_logs_stay(stage: Stage, table: dict[str, End]) -> None:
    for name in NAMES:
        stage.ended(f"{name}-now")
    until(lambda: not stage.all("pods"), "the pods of ended executions are deleted")
    assert status(stage.ended("succeeds-now"))["output"] == "one\ntwo\n"
