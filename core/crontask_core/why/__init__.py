"""Why: what became of a task's instants at a time, and why, from what the cluster keeps of the task.

`asked` reads what somebody wrote as a time, `explain` answers it. Pure, for the
command line as well as for the gateway; `values` holds the answer's shape.
"""

from crontask_core.why.closings import Calendar, Closing, closings
from crontask_core.why.explain import explain
from crontask_core.why.instant import execution_told, obstacle, problem_of
from crontask_core.why.last import explain_execution, explain_last, has_passed, newest
from crontask_core.why.moment import Span, asked
from crontask_core.why.values import ExecutionTold, Explanation, Found, Seen, Told, Verdict

__all__ = [
    "Calendar",
    "Closing",
    "ExecutionTold",
    "Explanation",
    "Found",
    "Seen",
    "Span",
    "Told",
    "Verdict",
    "asked",
    "closings",
    "execution_told",
    "explain",
    "explain_execution",
    "explain_last",
    "has_passed",
    "newest",
    "obstacle",
    "problem_of",
]
