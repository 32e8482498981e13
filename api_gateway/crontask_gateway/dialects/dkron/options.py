"""The dialect's own settings."""

from ipaddress import IPv4Address, IPv6Address

from pydantic import BaseModel, ConfigDict, Field, HttpUrl


class Options(BaseModel):
    """The dialect's own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(default="busybox:1.37", min_length=1, max_length=1024)
    """The image in which `shell` runs."""

    images: dict[str, str] = {}
    """Images for further executors, by their names; they find the config in DKRON_EXECUTOR_CONFIG."""

    node: str = Field(default="crontask", min_length=1, max_length=63, pattern=r"^[A-Za-z0-9._-]+$")
    """What the one virtual server is called, the same on all replicas; it is a part of every execution's id."""

    targets: dict[str, str] = {}
    """CronTaskTargets by tag, such as `role=web`: a job with that tag runs at that target. Other tags run once."""

    address: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    """What the virtual server tells as its address; clients show it and connect to nothing there."""

    metrics: bool = True
    """Whether `/metrics` tells the counters of each job; upstream's `enable-prometheus`."""

    ui: HttpUrl | None = None
    """Where the web UI is, for the page at `/ui`."""
