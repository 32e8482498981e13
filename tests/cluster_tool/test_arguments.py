"""What each program of a local cluster is told: arguments and configuration files, as pure text."""

import json
import tomllib
from pathlib import Path

import yaml

from cluster import control_plane, node, node_files
from cluster.facts import Facts
from cluster.kind import create_args
from cluster.network import Network
from cluster.paths import State

STATE = State(Path("/c/.cluster"))
FACTS = Facts("local", subnet="10.130.0.0/16", apiserver=1, etcd=2, etcd_peer=3)
NET = Network(FACTS.subnet)


def test_with_a_node_the_server_can_be_reached_by_pods() -> None:
    args = control_plane.apiserver_args(STATE, FACTS, NET, ())
    assert {"--bind-address=0.0.0.0", "--advertise-address=10.130.0.1", "--secure-port=1"} <= set(args)
    assert "--anonymous-auth=false" in args


def test_without_a_node_it_listens_on_loopback_alone() -> None:
    args = control_plane.apiserver_args(STATE, FACTS, None, ())
    assert {"--bind-address=127.0.0.1", "--endpoint-reconciler-type=none"} <= set(args)
    assert not any("0.0.0.0" in arg for arg in args)


def test_further_arguments_come_last_and_so_win() -> None:
    assert control_plane.apiserver_args(STATE, FACTS, NET, ("--v=4",))[-1] == "--v=4"
    assert control_plane.controller_manager_args(STATE, ("--kube-api-qps=9",))[-1] == "--kube-api-qps=9"


def test_etcd_listens_on_loopback_alone() -> None:
    urls = [arg.partition("=")[2] for arg in control_plane.etcd_args(STATE, FACTS) if "-urls=" in arg]
    assert sorted(set(urls)) == ["http://127.0.0.1:2", "http://127.0.0.1:3"]


def test_controllers_take_no_port() -> None:
    assert "--secure-port=0" in control_plane.controller_manager_args(STATE, ())
    assert "--secure-port=0" in control_plane.scheduler_args(STATE)


def test_the_node_is_closed_before_anything_else_is_mounted() -> None:
    script = node_files.init_script("/c/it's/node", "/cache/bin")
    lines = script.splitlines()
    assert lines[0] == "set -eu"
    assert lines[1] == "mount --bind /cache/bin '/c/it'\"'\"'s/node/bin'"
    # The state folder may lie below a folder that is covered afterwards.
    assert lines.index("mount --bind /mnt/lib /var/lib") > lines.index("mount --rbind '/c/it'\"'\"'s/node' /mnt")
    assert lines[-1] == "while :; do sleep 3600 & wait $!; done", "the first process reaps what pods leave behind"


def test_kubelet_finds_the_kernels_knobs_as_it_wants_them() -> None:
    script = node_files.init_script("/n", "/b")
    assert all(f"mount --bind /mnt/kernel/{name} /proc/sys/{name}" in script for name in node_files.KERNEL)


def test_containerd_reads_valid_toml() -> None:
    plugins = tomllib.loads(node_files.containerd("/usr/lib/cni", "native"))["plugins"]["io.containerd.grpc.v1.cri"]
    assert plugins["sandbox_image"] == node_files.PAUSE_IMAGE
    assert plugins["restrict_oom_score_adj"] is True
    assert plugins["cni"]["bin_dir"] == "/usr/lib/cni"
    assert plugins["containerd"]["snapshotter"] == "native"


def test_pods_get_addresses_of_the_upper_half() -> None:
    network = json.loads(node_files.pod_network(NET))
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.130.128.0/17"}]]
    assert yaml.safe_load(node_files.kube_proxy(NET, "n"))["clusterCIDR"] == "10.130.128.0/17"


def test_kubelet_keeps_to_its_own_cgroup_and_takes_many_pods() -> None:
    settings = yaml.safe_load(node_files.kubelet("crontask-1"))
    assert settings["cgroupRoot"] == "/crontask-1"
    assert settings["maxPods"] == 500
    assert settings["failCgroupV1"] is False
    assert settings["authentication"]["anonymous"] == {"enabled": False}


def test_an_overlay_below_the_state_folder_asks_for_plain_copies(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("overlay / overlay rw 0 0\n/dev/vda /data ext4 rw 0 0\n")
    assert node.snapshotter(Path("/c/.cluster"), mounts) == "native"
    assert node.snapshotter(Path("/data/.cluster"), mounts) == "overlayfs"
    assert node.snapshotter(Path("/database"), mounts) == "native"


def test_kind_gets_an_image_only_if_one_is_named() -> None:
    assert create_args(STATE, "", 60)[-1] == "--wait=60s"
    assert create_args(STATE, "kindest/node:v1", 60)[-1] == "--image=kindest/node:v1"
    assert f"--name={STATE.name}" in create_args(STATE, "", 60)
