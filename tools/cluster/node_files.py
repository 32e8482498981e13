"""The node's settings as text: how its namespaces are furnished, and what containerd, kubelet, kube-proxy and the
pod network read. Pure: the paths in here are those that the node sees (/mnt is `.cluster/node`).
"""

import json
import shlex
from typing import Any

import yaml

from .network import Network

PAUSE_IMAGE = "localhost/crontask/pause:1"
# kubelet sets these for the whole machine unless it reads what it wants; the node reads files of ours instead.
KERNEL = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
READY = "furnished"


def init_script(folder: str, programs: str) -> str:
    """What the first process of the node does: its own /run and /var/lib, so that nothing lands on the machine.

    It then waits as process 1: a shell that waits for its own sleep also reaps what the node's pods leave behind.
    """
    covers = "\n".join(
        f"if [ -e /proc/sys/{name} ]; then mount --bind /mnt/kernel/{name} /proc/sys/{name}; fi" for name in KERNEL
    )
    return f"""set -eu
mount --bind {shlex.quote(programs)} {shlex.quote(folder + "/bin")}
mount --rbind {shlex.quote(folder)} /mnt
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs /var/log
mount --bind /mnt/lib /var/lib
{covers}
echo 1 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
mount --make-rshared /
touch /mnt/{READY}
while :; do sleep 3600 & wait $!; done
"""


def containerd(plugins: str, snapshotter: str) -> str:
    """containerd's configuration, version 2 (1.6 and later); `plugins` is the folder of the CNI programs."""
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "/mnt/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


def pod_network(network: Network) -> str:
    """A veth pair and a route for each pod: no bridge, so no bridge netfilter is needed either."""
    ptp = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": network.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "crontask", "plugins": [ptp]}, indent=2)


def kubelet(cgroup: str) -> str:
    # Images cannot be pulled again and the disk is somebody's laptop: never evict, never collect images.
    never = {f"{signal}.available": "0%" for signal in ("memory", "nodefs", "imagefs")}
    never |= {"nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%"}
    return _yaml(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": "/mnt/pki/ca.crt"},
            },
            "authorization": {"mode": "AlwaysAllow"},  # of those with a certificate of this cluster
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "enforceNodeAllocatable": ["pods"],
            "eventBurst": 400,
            "eventRecordQPS": 200,
            "evictionHard": never,
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "kubeAPIBurst": 400,
            "kubeAPIQPS": 200,
            "localStorageCapacityIsolation": False,
            "maxPods": 500,
            "resolvConf": "",
            "serializeImagePulls": False,
        }
    )


def kube_proxy(network: Network, node: str) -> str:
    return _yaml(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": "/mnt/pki/kube-proxy.kubeconfig"},
            "clusterCIDR": network.pods,
            "conntrack": {"maxPerCore": 0},  # the table is the machine's, not ours to size
            "hostnameOverride": node,
            "mode": "iptables",
        }
    )


def kubelet_args(node: str, network: Network) -> list[str]:
    return [
        "--config=/mnt/kubelet.yaml",
        "--kubeconfig=/mnt/pki/kubelet.kubeconfig",
        f"--hostname-override={node}",
        f"--node-ip={network.node}",
    ]


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False)
