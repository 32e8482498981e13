"""What the cluster tests share: the cluster of `make up` (or any that KUBECONFIG names), and kubectl for it.

The CRDs and the admission policies must be there (`kubectl apply --server-side -f deploy/rbac.yaml -f crds/`).
"""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from live.auditing import assert_accounted
from live.kubectl import Kubectl
from live.operators import Access, Operators, no_others
from live.proxy import Proxy
from live.scenes import Scene
from live.stories import Stage
from live.witness import PodWitness

OPERATOR = "system:serviceaccount:crontask-system:crontask-operator"


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The path of the cluster's kubeconfig; a test that needs a cluster fails without one."""
    path = os.environ.get("KUBECONFIG", "")  # noqa: TID251 - the one way in which these tests are told of a cluster
    if not path:
        pytest.fail("KUBECONFIG is not set; run `make up` and `. .cluster/env`, or name a cluster of your own")
    return path


@pytest.fixture(scope="session")
def dry_kubectl(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Kubectl for what stores nothing (`--dry-run=server`, explain): no namespace is made for it."""
    return Kubectl(kubeconfig, str(tmp_path_factory.mktemp("kubectl")), "default")


@pytest.fixture
def kubectl(dry_kubectl: Kubectl) -> Iterator[Kubectl]:
    """Kubectl in a fresh namespace, which is removed afterwards."""
    runner = _namespace(dry_kubectl)
    yield runner
    runner.ok("delete", "namespace", runner.namespace, "--wait=false")


@pytest.fixture
def as_operator(kubectl: Kubectl) -> Kubectl:
    """The same in the operator's name."""
    return kubectl.acting_as(OPERATOR)


@pytest.fixture(scope="module")
def stage(dry_kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A fresh namespace for the stories of one module, in which the operator of `make up` works; audited at the end."""
    runner = _namespace(dry_kubectl)
    state = Path(runner.kubeconfig).parent
    skipped = (state / "receiver.jsonl").stat().st_size
    yield Stage(runner, state, _told("RECEIVER_URL"), _told("DEMO_IMAGE"), skipped)
    try:
        assert_accounted(runner, request)
    finally:
        runner.ok("delete", "namespace", runner.namespace, "--wait=false")


@pytest.fixture(scope="module")
def alone(stage: Stage) -> Iterator[Stage]:
    """The cluster without the operator of `make up`."""
    with no_others(stage.state):
        yield stage


@pytest.fixture
def scene(alone: Stage, kubectl: Kubectl, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A scene of its own for each test, its operator ready; audited at the end, when an operator runs undisturbed."""
    mine = replace(alone, kubectl=kubectl, skipped=(alone.state / "receiver.jsonl").stat().st_size)
    access = Access.of(alone.state / "operator.kubeconfig")
    with Proxy(access.server, access.tls()) as proxy, PodWitness(kubectl, tmp_path) as witness:
        operators = Operators(mine, access.through(proxy.url, tmp_path / "kubeconfig"), tmp_path)
        operators.start()
        try:
            yield Scene(mine, proxy, operators, witness)
            proxy.refuse(0)
            operators.revive()
            assert_accounted(kubectl, request)
        finally:
            operators.close()


def _namespace(dry_kubectl: Kubectl) -> Kubectl:
    """A fresh namespace that the validating webhook leaves alone, so that bad objects reach the operator."""
    runner = dry_kubectl.within(f"crontask-test-{secrets.token_hex(4)}")
    runner.ok("create", "namespace", runner.namespace)
    runner.ok("label", "namespace", runner.namespace, "crontask.dev/webhook=off")
    return runner


def _told(name: str) -> str:
    value = os.environ.get(name, "")  # noqa: TID251 - as above
    assert value, f"{name} is not set; run `make up` and `set -a; . .cluster/env`"
    return value
