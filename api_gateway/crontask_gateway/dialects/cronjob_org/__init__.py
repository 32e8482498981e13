"""cron-job.org's REST API on CronTasks."""

from crontask_gateway.dialects.cronjob_org import auth, errors, headers, quotas
from crontask_gateway.dialects.cronjob_org.options import Options
from crontask_gateway.dialects.cronjob_org.routes import ROUTES
from crontask_gateway.dialects.cronjob_org.schemas import SCHEMAS, SECURITY
from crontask_gateway.dialects.cronjob_org.words import NAME
from crontask_gateway.dialects.shape import Dialect, Misses
from crontask_gateway.http import Reply

DIALECT = Dialect(
    name=NAME,
    title="cron-job.org",
    document="cron-job.org's REST API document of 2025-11, and what its sources do where that is silent",
    port=8090,
    routes=ROUTES,
    checks=("route", "rate", "auth", "quota", "body"),
    authenticate=auth.check,
    render=errors.render,
    misses=Misses(Reply(404, headers=(errors.TYPE,))),
    schemas=SCHEMAS,
    security=SECURITY,
    options=Options,
    quota=quotas.admit,
    shows_others=True,
    first=headers.preflight,
    finish=headers.finish,
)
