"""`python -m cluster up|down|status`: the commands behind `make up`, `make down` and `make status`."""

import os
import shutil
import signal
import sys
from pathlib import Path

from . import local, processes
from .errors import ClusterError
from .say import say
from .settings import Settings


def main(argv: list[str]) -> int:
    environ = dict(os.environ)
    settings = Settings.read(environ, Path.home())
    if argv[0] == "up":
        local.up(settings, environ)
        lines = {
            "KUBECONFIG": str(settings.state.kubeconfig),
            "DEMO_IMAGE": "localhost/crontask/shell:1",
            "PYTHON_IMAGE": "localhost/crontask/python:1",
        }
        settings.state.env.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
    else:
        local.down(settings)
        shutil.rmtree(settings.state.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
