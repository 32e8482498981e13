"""What the API server answers, as the gateway's errors. The one translation."""

from collections.abc import Iterator
from contextlib import contextmanager

from crontask_gateway.errors import Conflict, Forbidden, Invalid, TooLarge, Unavailable, Unknown
from crontask_kube import errors as kube


@contextmanager
def translated() -> Iterator[None]:
    """Raises in place of a KubeError what a dialect can word; other errors travel on."""
    try:
        yield
    except kube.KubeError as error:
        raise _worded(error) from error


def _worded(error: kube.KubeError) -> Exception:
    match error:
        case kube.Invalid():
            cause = error.causes[0] if error.causes else None
            if cause is None:
                return Invalid(str(error))
            return Invalid(f"{cause.field}: {cause.message}" if cause.field else cause.message, cause.field)
        case kube.NotFound():
            return Unknown(str(error))
        case kube.AlreadyExists() | kube.Conflict():
            return Conflict(str(error))
        case kube.Forbidden():
            return Forbidden(str(error))
        case kube.BadRequest() if error.status == 413:
            return TooLarge(str(error))
        case kube.BadRequest():
            return Invalid(str(error))
        case kube.Unavailable():
            return Unavailable(str(error), error.retry_after)
        case _:
            return Unavailable(str(error))
