"""Dkron's REST API, version 1, on CronTasks."""

from crontask_gateway.dialects.dkron import auth, errors, headers
from crontask_gateway.dialects.dkron.options import Options
from crontask_gateway.dialects.dkron.replies import NOT_FOUND
from crontask_gateway.dialects.dkron.routes import ROUTES
from crontask_gateway.dialects.dkron.schemas import SCHEMAS, SECURITY
from crontask_gateway.dialects.shape import Dialect, Misses

DIALECT = Dialect(
    name="dkron",
    title="Dkron",
    document="Dkron's OpenAPI document of its REST API v1, and what dkron v4 does where that is silent",
    port=8080,
    routes=ROUTES,
    checks=("route", "rate", "auth", "body"),
    authenticate=auth.check,
    render=errors.render,
    misses=Misses(NOT_FOUND, slash="redirect"),
    schemas=SCHEMAS,
    security=SECURITY,
    options=Options,
    first=headers.preflight,
    finish=headers.finish,
)
