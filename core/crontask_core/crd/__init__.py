"""CRDs made from the resource models: `schema` turns a model into a structural schema, `resource` wraps it.

`catalogue` holds what the models do not say (columns, selectable fields). The
generator (`tools/generate.py`) and the tests are the only callers.
"""

from crontask_core.crd.catalogue import EXECUTIONS, RESOURCES, TASKS
from crontask_core.crd.resource import Column, Resource, crd
from crontask_core.crd.schema import Schema, structural

__all__ = ["EXECUTIONS", "RESOURCES", "TASKS", "Column", "Resource", "Schema", "crd", "structural"]
