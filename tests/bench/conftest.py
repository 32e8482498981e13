"""The benchmark is run from the checkout, not installed: its tests find it there."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
