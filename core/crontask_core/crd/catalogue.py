"""The resources of the group: what kubectl shows of each, and by what it selects.

An instant in the future is a text column: a `date` column shows an age, and that
of a future instant is "<invalid>". A CronTaskExecution has no status subresource:
like an Event it is written whole, so that a short run costs one write; a
ValidatingAdmissionPolicy keeps its status to the operator (docs/crontask.md).
"""

from crontask_core.crd.resource import Column, Resource
from crontask_core.model import ExecutionSpec, ExecutionStatus, TaskSpec, TaskStatus
from crontask_core.names import EXECUTION, TASK

_AGE = Column("Age", ".metadata.creationTimestamp", "How long ago the object was created.", "date")

TASKS = Resource(
    kind=TASK,
    description="A CronTask runs a pod or makes an HTTP call when its schedule is due, and accounts for each instant.",
    spec=TaskSpec,
    status=TaskStatus,
    columns=(
        Column("Schedule", ".spec.schedule", "When the task is due."),
        Column("Zone", ".spec.timeZone", "The time zone of the schedule.", wide=True),
        Column("Suspend", ".spec.suspend", "Whether the schedule is paused.", "boolean"),
        Column("Active", ".status.activeCount", "How many executions have not ended.", "integer"),
        Column("Last Outcome", ".status.lastExecution.phase", "How the execution ended that ended last."),
        Column("Last Run", ".status.lastRunTime", "How long ago an execution last began.", "date"),
        Column("Next Run", ".status.nextRuns[0]", "The next instant."),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', "Whether the task can be run."),
        _AGE,
    ),
    selectable=(".spec.suspend",),
    status_subresource=True,
)

EXECUTIONS = Resource(
    kind=EXECUTION,
    description="A CronTaskExecution is one run of a CronTask, and what became of it; creating one runs the task now.",
    spec=ExecutionSpec,
    status=ExecutionStatus,
    columns=(
        Column("Task", ".spec.taskRef.name", "The task that is run."),
        Column("Trigger", ".spec.trigger", "What caused the execution."),
        Column("Scheduled", ".spec.scheduledAt", "The instant that the execution is for."),
        Column("Phase", ".status.phase", "How far the execution is, or how it ended."),
        Column("Reason", ".status.reason", "Why, in one word."),
        Column("Late(ms)", ".status.latenessMilliseconds", "How long after its instant it began.", "integer"),
        Column("Exit", ".status.attempts[-1:].exitCode", "The exit code of the latest attempt.", "integer", wide=True),
        Column("HTTP", ".status.attempts[-1:].httpStatus", "The last attempt's status code.", "integer", wide=True),
        _AGE,
    ),
    selectable=(".spec.taskRef.name", ".spec.trigger", ".status.phase"),
    status_subresource=False,
)

RESOURCES = (TASKS, EXECUTIONS)
