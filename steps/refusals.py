"""What the API server refuses, and how it says so."""

import json
import ssl

from steps.inputs import StepError

# In place of a status: no answer, and one that no repetition makes better.
NO_ANSWER, FINAL = 0, -1


class ApiError(StepError):
    """What the API server refused, or that it does not answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"Error from server ({reason}): {message}" if reason else f"Error from server: {message}")
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether it says nothing about the object: the API server starts, or has too much to do."""
        return self.status in (NO_ANSWER, 429) or self.status >= 500


class ConflictError(ApiError):
    """The object is another one than the change was made for."""


class NotFoundError(ApiError):
    """There is no such object."""


class ForbiddenError(ApiError):
    """The service account may not, or an admission policy refuses."""


_ERRORS = {"Conflict": ConflictError, "NotFound": NotFoundError, "Forbidden": ForbiddenError}


def disbelieved(error: ssl.SSLCertVerificationError) -> ApiError:
    """Return what ends a step that does not believe the API server to be one."""
    return ApiError(FINAL, "", f"its certificate is not believed: {error.verify_message}")


def refusal(status: int, answer: bytes) -> ApiError:
    """Return what an answer of the API server refuses."""
    try:
        found = json.loads(answer)
        reason, message = str(found.get("reason") or ""), str(found.get("message"))
    except (ValueError, AttributeError):
        reason, message = "", f"status {status}"
    return _ERRORS.get(reason, ApiError)(status, reason, message)
