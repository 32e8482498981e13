"""The resources as values: what a manifest says and what the operator answers."""

from crontask_core.model.base import Condition
from crontask_core.model.calendar import CalendarSpec, CalendarStatus
from crontask_core.model.credentials import Auth, SecretKeyRef, ServiceAccountToken
from crontask_core.model.execution import (
    BY_SCHEDULE,
    FINAL_PHASES,
    Attempt,
    Backfill,
    BackfillProgress,
    ExecutionSpec,
    ExecutionStatus,
    Overrides,
    Phase,
    TaskRef,
    Timings,
    Trigger,
)
from crontask_core.model.group import Freeze, GroupSpec, GroupStatus
from crontask_core.model.http_action import Header, HttpAction, HttpTimeouts, Success, Tls
from crontask_core.model.ledger import LedgerEntry, Outcome
from crontask_core.model.notify import Notify, NotifyWhen, PendingNotification
from crontask_core.model.pod_action import EnvVar, PodAction
from crontask_core.model.policy import Backoff, ConcurrencyPolicy, History, Missed, Overridable, Retry
from crontask_core.model.target import TargetSpec, TargetStatus
from crontask_core.model.task import Grammar, TaskSpec
from crontask_core.model.task_status import ActiveExecution, Counts, LastExecution, TaskStatus
from crontask_core.model.timing import After, CalendarSets, Dst

__all__ = [
    "BY_SCHEDULE",
    "FINAL_PHASES",
    "ActiveExecution",
    "After",
    "Attempt",
    "Auth",
    "Backfill",
    "BackfillProgress",
    "Backoff",
    "CalendarSets",
    "CalendarSpec",
    "CalendarStatus",
    "ConcurrencyPolicy",
    "Condition",
    "Counts",
    "Dst",
    "EnvVar",
    "ExecutionSpec",
    "ExecutionStatus",
    "Freeze",
    "Grammar",
    "GroupSpec",
    "GroupStatus",
    "Header",
    "History",
    "HttpAction",
    "HttpTimeouts",
    "LastExecution",
    "LedgerEntry",
    "Missed",
    "Notify",
    "NotifyWhen",
    "Outcome",
    "Overridable",
    "Overrides",
    "PendingNotification",
    "Phase",
    "PodAction",
    "Retry",
    "SecretKeyRef",
    "ServiceAccountToken",
    "Success",
    "TargetSpec",
    "TargetStatus",
    "TaskRef",
    "TaskSpec",
    "TaskStatus",
    "Timings",
    "Tls",
    "Trigger",
]
