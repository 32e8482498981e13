"""What `up` has chosen for a cluster, kept in `.cluster/cluster.json` so that later calls find it again.

Written before the first thing is started: whatever exists of a cluster, its facts exist.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import files
from .errors import ClusterError
from .settings import Mode


@dataclass(frozen=True)
class Facts:
    """The choices for one cluster; ports are on 127.0.0.1."""

    mode: Mode
    subnet: str = ""
    """The /16 of a local cluster with a node, as CIDR; empty where there is none."""
    apiserver: int = 0
    etcd: int = 0
    etcd_peer: int = 0
    receiver: int = 0
    webhook: int = 0
    """The port of the operators' webhook; 0 where the API server could not reach it."""
    operators: tuple[int, ...] = field(default=())
    """The metrics ports of the operators, the first operator's first."""
    gateway: int = 0
    """The metrics port of the gateway; 0 where none is wanted."""
    dialects: dict[str, int] = field(default_factory=dict)
    """The port of each dialect that the gateway serves, or has served."""
    jobs: str = ""
    """The namespace of the gateway's jobs; empty where there has never been one."""
    foreign_resources: bool = False
    """CLUSTER=current: CronTask's definitions were there before, or nobody has looked yet, so `down` leaves them."""

    @classmethod
    def read(cls, file: Path) -> "Facts | None":
        """None if there is no cluster; ClusterError if the file is not ours."""
        try:
            values = json.loads(file.read_text())
            return cls(**{**values, "operators": tuple(values["operators"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise ClusterError(f"{file} is damaged: run `make down`, then `make up`.") from error

    def write(self, file: Path) -> "Facts":
        files.write_private(file, json.dumps(asdict(self), indent=1))
        return self
