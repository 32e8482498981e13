"""Decisions without a cluster: which mode, which packages, what is remembered, what is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster import commands, crontask, errors, local, modes, status, system
from cluster.errors import ClusterError
from cluster.facts import Facts
from cluster.images import names
from cluster.paths import State
from cluster.settings import Settings

LOCAL = Facts("local", subnet="10.130.0.0/16", apiserver=1, etcd=2, etcd_peer=3, receiver=4, operators=(5, 6))


@pytest.mark.parametrize(
    ("choice", "facts", "kind_works", "mode"),
    [
        ("auto", None, True, "kind"),
        ("auto", None, False, "local"),
        ("local", None, True, "local"),
        ("kind", None, True, "kind"),
        ("current", None, False, "current"),
        ("auto", LOCAL, True, "local"),
        ("local", LOCAL, False, "local"),
    ],
)
def test_the_mode(choice: str, facts: Facts | None, kind_works: bool, mode: str) -> None:
    assert modes.choose(choice, facts, kind_works=kind_works) == mode


def test_kind_without_docker_is_an_error_with_remedies() -> None:
    with pytest.raises(ClusterError) as error:
        modes.choose("kind", None, kind_works=False)
    assert error.value.code == 6
    assert "start Docker and install kind, or use CLUSTER=local" in error.value.sentence


def test_another_kind_of_cluster_in_the_folder_is_an_error() -> None:
    with pytest.raises(ClusterError, match=r"CLUSTER=local is there already: `make down` first") as error:
        modes.choose("kind", LOCAL, kind_works=True)
    assert error.value.code == 2


def test_kind_does_not_work_where_its_programs_are_missing(tmp_path: Path) -> None:
    assert not modes.kind_works({"PATH": str(tmp_path)})


def test_kind_does_not_work_where_no_engine_answers(tmp_path: Path) -> None:
    for name, code in (("kind", 0), ("docker", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    assert not modes.kind_works({"PATH": str(tmp_path)})
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 0\n")
    assert modes.kind_works({"PATH": str(tmp_path)})


def test_only_packages_of_missing_programs_are_installed() -> None:
    have = set(system.PACKAGES)
    assert system.absent(lambda name: name if name in have else None, True) == []
    assert system.absent(lambda name: name if name in have else None, False) == ["containernetworking-plugins"]
    have -= {"containerd", "ctr", "iptables"}
    assert system.absent(lambda name: name if name in have else None, True) == ["containerd", "iptables"]


def test_a_full_disk_is_told_before_the_cluster_starts(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"Only 0\.2 GB are free .* set STATE to a folder") as error:
        local.check_space(tmp_path, 200_000_000)
    assert error.value.code == 4


@pytest.mark.parametrize(
    "error",
    [
        errors.wrong_setting("A", "b", "use c"),
        errors.port_in_use(1, "x", "P"),
        errors.no_space(Path("/x"), 1, 2, "free some"),
        errors.build_failed("etcd", "x", Path("/l")),
        errors.missing("Go", "install it"),
        errors.not_ready("etcd", 3, ""),
    ],
)
def test_every_error_is_one_sentence_with_a_remedy(error: ClusterError) -> None:
    assert error.code != 0
    assert "\n" not in error.sentence
    assert error.sentence.endswith(".")
    assert ": " in error.sentence


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert Facts.read(tmp_path / "cluster.json") is None
    LOCAL.write(tmp_path / "cluster.json")
    assert Facts.read(tmp_path / "cluster.json") == LOCAL


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mode": "local"}', '{"operators": [], "colour": 1}'])
def test_damaged_facts_are_an_error_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(ClusterError, match=r"damaged: run `make down`"):
        Facts.read(tmp_path / "cluster.json")


def test_the_status_names_what_is_missing() -> None:
    running = {"etcd": 11, "kubelet": 12, "crontask-operator-1": 13}
    found = status.lines(LOCAL, running.get)
    assert [line.name for line in found if line.pid] == ["etcd", "kubelet", "crontask-operator-1"]
    assert {"kube-apiserver", "containerd", "receiver", "crontask-operator-2"} < {line.name for line in found}
    rows = status.table(found).splitlines()
    assert rows[1].split() == ["etcd", "running", "11", "http://127.0.0.1:2"]
    assert rows[-1].split() == ["crontask-operator-2", "MISSING", "-", "http://127.0.0.1:6/metrics"]


def test_the_status_and_the_environment_name_a_gateway_where_one_is_wanted(tmp_path: Path) -> None:
    facts = replace(LOCAL, gateway=9110, dialects={"dkron": 8081}, jobs="batch")
    settings = Settings.read({"STATE": str(tmp_path)}, tmp_path)
    assert status.table(status.lines(facts, {}.get)).splitlines()[-1].split() == [
        "crontask-gateway",
        "MISSING",
        "-",
        "http://127.0.0.1:8081",
    ]
    told = commands.environment(settings, facts, {}).splitlines()
    assert {"DKRON_URL=http://127.0.0.1:8081", "GATEWAY_NAMESPACE=batch"} < set(told)
    away = replace(facts, gateway=0)
    assert "crontask-gateway" not in {line.name for line in status.lines(away, {}.get)}
    assert "GATEWAY" not in commands.environment(settings, away, {})
    assert "DKRON_URL" not in commands.environment(settings, away, {})


def test_without_a_node_the_status_expects_none() -> None:
    found = status.lines(Facts("local", apiserver=1), {}.get)
    assert [line.name for line in found] == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]


def test_the_environment_file_names_what_was_chosen(tmp_path: Path) -> None:
    settings = Settings.read({"STATE": str(tmp_path)}, tmp_path)
    assert commands.environment(settings, LOCAL, names(own=True)).splitlines() == [
        f"KUBECONFIG={tmp_path}/kubeconfig",
        "METRICS_URL=http://127.0.0.1:5/metrics",
        "RECEIVER_URL=http://127.0.0.1:4",
        "DEMO_IMAGE=localhost/crontask/shell:1",
        "PYTHON_IMAGE=localhost/crontask/python:1",
    ]


def test_an_operator_gets_its_own_rights_address_and_name() -> None:
    state = State(Path("/c/.cluster"))
    mine = {"CRONTASK_EGRESS_ALLOW": "192.168.0.0/16", "CRONTASK_LOG_FORMAT": "json", "KUBECONFIG": "/admin"}
    env = crontask.operator_environment(state, 2, 9101, Facts("local", subnet="10.130.0.0/16", webhook=9443), mine)
    assert env["KUBECONFIG"] == "/c/.cluster/operator.kubeconfig"
    assert env["CRONTASK_IDENTITY"] == "crontask-operator-2"
    assert env["CRONTASK_METRICS_ADDRESS"] == "127.0.0.1:9101"
    assert env["CRONTASK_EGRESS_ALLOW"] == "192.168.0.0/16,127.0.0.0/8,10.130.0.0/16"
    assert env["CRONTASK_LOG_FORMAT"] == "json"
    assert env["CRONTASK_WEBHOOK_ADDRESS"] == "127.0.0.1:9443"
    assert env["CRONTASK_WEBHOOK_CERTIFICATE"] == "/c/.cluster/pki/webhook"


def test_an_operator_that_the_api_server_cannot_reach_has_no_webhook() -> None:
    state = State(Path("/c/.cluster"))
    env = crontask.operator_environment(state, 1, 9100, Facts("kind"), {})
    assert env["CRONTASK_EGRESS_ALLOW"] == "127.0.0.0/8"
    assert not [name for name in env if "WEBHOOK" in name]
