"""The dialects, one package each with the same ten files; `shape.py` says what a dialect is."""

from crontask_gateway.dialects.cronjob_org import DIALECT as CRONJOB_ORG
from crontask_gateway.dialects.dkron import DIALECT as DKRON
from crontask_gateway.dialects.shape import Dialect

DIALECTS: tuple[Dialect, ...] = (DKRON, CRONJOB_ORG)
"""All that there are; which of them are served is a matter of settings."""
