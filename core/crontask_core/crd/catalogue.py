"""The resources of the group: what kubectl shows of each, and by what it selects.

An instant in the future is a text column: a `date` column shows an age, and that
of a future instant is "<invalid>". A CronTaskExecution has no status subresource:
like an Event it is written whole, so that a short run costs one write; a
ValidatingAdmissionPolicy keeps its status to the operator (docs/crontask.md).
"""

from crontask_core.crd.resource import Column, Resource
from crontask_core.model import (
    CalendarSpec,
    CalendarStatus,
    ExecutionSpec,
    ExecutionStatus,
    GroupSpec,
    GroupStatus,
    TargetSpec,
    TargetStatus,
    TaskSpec,
    TaskStatus,
)
from crontask_core.names import CALENDAR, EXECUTION, GROUP_KIND, TARGET, TASK

_READY = '.status.conditions[?(@.type=="Ready")].status'
_SCHEDULED = '.status.conditions[?(@.type=="Scheduled")].reason'
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
        Column("Group", ".spec.group", "The group whose limits hold too.", wide=True),
        Column("Active", ".status.activeCount", "How many executions run.", "integer"),
        Column("Queued", ".status.queuedCount", "How many executions wait for their turn.", "integer"),
        Column("Last Outcome", ".status.lastExecution.phase", "How the execution ended that ended last."),
        Column("Last Run", ".status.lastRunTime", "How long ago an execution last began.", "date"),
        Column("Next Run", ".status.nextRuns[0]", "The next instant."),
        Column("Scheduled", _SCHEDULED, "Why an instant comes, or why none does.", wide=True),
        Column("Ready", _READY, "Whether the task can be run."),
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

GROUPS = Resource(
    kind=GROUP_KIND,
    description="A CronTaskGroup limits and freezes the tasks that name it.",
    spec=GroupSpec,
    status=GroupStatus,
    columns=(
        Column("Suspend", ".spec.suspend", "Whether all tasks of the group are paused.", "boolean"),
        Column("Limit", ".spec.concurrencyLimit", "How many executions may run at once.", "integer"),
        Column("Tasks", ".status.taskCount", "How many tasks name the group.", "integer"),
        Column("Active", ".status.activeCount", "How many of their executions run.", "integer"),
        Column("Queued", ".status.queuedCount", "How many of their executions wait.", "integer"),
        Column("Frozen", '.status.conditions[?(@.type=="Frozen")].status', "Whether nothing starts just now."),
        Column("Ready", _READY, "Whether the group can be used."),
        _AGE,
    ),
    selectable=(),
    status_subresource=True,
)

TARGETS = Resource(
    kind=TARGET,
    description="A CronTaskTarget is a place where pods of tasks run: an overlay on their pod template.",
    spec=TargetSpec,
    status=TargetStatus,
    columns=(Column("Ready", _READY, "Whether pods can be made with it."), _AGE),
    selectable=(),
    status_subresource=True,
)

CALENDARS = Resource(
    kind=CALENDAR,
    description="A CronTaskCalendar covers days and times, which tasks exclude or keep to.",
    spec=CalendarSpec,
    status=CalendarStatus,
    columns=(
        Column("Zone", ".spec.timeZone", "The time zone of its days."),
        Column("Ready", _READY, "Whether the calendar can be read."),
        _AGE,
    ),
    selectable=(),
    status_subresource=True,
)

RESOURCES = (TASKS, EXECUTIONS, GROUPS, TARGETS, CALENDARS)
