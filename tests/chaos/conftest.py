"""The fault suite's own decisions are tested without a cluster."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))
