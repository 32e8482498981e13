"""Clients that others have written and PyPI holds, each run as it is.

`make install` puts each into a folder of its own: `dkron` and `django-dkron` both bring a package called `dkron`.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
CLIENTS = Path(sys.prefix) / "clients"
SECONDS = 25


def _run(client: str, arguments: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PYTHONPATH": f"{CLIENTS / client}:{TESTS}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    } | environ
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)


@dataclass(frozen=True)
class DkronCli:
    """`dkron-cli` of `dkron`, and with it that package's library, to which each of its commands is one call."""

    hosts: str

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _run("dkron", ["dkron", "--hosts", self.hosts, *arguments])

    def ok(self, *arguments: str) -> str:
        """What it prints, where it succeeds."""
        done = self(*arguments)
        assert done.returncode == 0, done
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """What `get` prints, which is JSON."""
        return json.loads(self.ok("get", *arguments))


@dataclass(frozen=True)
class DjangoSite:
    """A Django project with `django-dkron` in it (`foreign/site`), its database in `folder`.

    `settings` are the app's own: DKRON_NAMESPACE, DKRON_JOB_LABEL, DKRON_API_AUTH.
    """

    url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def manage(self, *arguments: str) -> str:
        """What a command of Django prints: first what is asked for, then complaints."""
        told = {"SITE_DATABASE": str(self.folder / "site.sqlite3"), "DKRON_URL": self.url} | self.settings
        done = _run("django-dkron", ["django", *arguments, "--settings", "foreign.site.settings"], **told)
        assert done.returncode == 0, done
        return done.stdout + done.stderr

    def jobs(self, *jobs: dict[str, Any]) -> None:
        """These are the jobs in the database, which is made where it is missing, and no others."""
        rows = f"[models.Job(**row) for row in {jobs!r}]"
        made = "from django.core.management import call_command; call_command('migrate', verbosity=0)"
        self.shell(f"{made}; models.Job.objects.all().delete(); models.Job.objects.bulk_create({rows})")

    def shell(self, code: str) -> str:
        """What a line of Python prints, for what the app does with no command of its own."""
        return self.manage("shell", "--verbosity=0", "-c", f"from dkron import models, utils, views; {code}")


def pycronorg(monkeypatch: pytest.MonkeyPatch, url: str, key: str) -> Any:
    """`JobsApi` of `pycronorg` at a gateway; it has no setting for where the service is."""
    monkeypatch.syspath_prepend(str(CLIENTS / "pycronorg"))
    sync = importlib.import_module("pycronorg.sync")
    base = importlib.import_module("pycronorg.sync.base").BaseApi
    monkeypatch.setattr(base, "_DEFAULT_BASE_HOST", url)
    return sync.JobsApi(key)
