"""How Odoo says no, whichever door it says it at: by the name of a Python exception."""

from __future__ import annotations

from typing import Any

from contracts.errors import VendorRefused
from worker.providers.lenient import members, words

#: The last part of an exception's name, when it is about the values of a record.
_VALUES = frozenset(
    {"ValidationError", "UserError", "MissingError", "RedirectWarning", "UniqueViolation", "NotNullViolation", "CheckViolation",
     "ForeignKeyViolation", "IntegrityError", "StringDataRightTruncation", "DataError"}
)  # fmt: skip
_RIGHTS = frozenset({"AccessDenied", "AccessError", "Unauthorized", "Forbidden"})
#: The server is busy with others, or with itself: the same call may work in a moment.
_PASSING = frozenset(
    {"SerializationFailure", "LockNotAvailable", "DeadlockDetected", "TransactionRollbackError", "QueryCanceled", "PoolError",
     "ConcurrencyError", "OperationalError", "TooManyConnections", "InterfaceError"}
)  # fmt: skip


class Refusal(VendorRefused):
    """Odoo does not take these values; its reason may repeat them."""


class NotAllowed(VendorRefused):
    """Odoo knows the user, who may not do this."""


def refusal(reason: str | None) -> Refusal:
    """The error for values that Odoo does not take."""
    return Refusal(reason or "refused without a reason", code="vendor_rejected_request", vendor="odoo")


def about_values(name: str) -> bool:
    """True when the exception `name` is about the values that were sent."""
    return _last(name) in _VALUES


def about_rights(name: str) -> bool:
    """True when it is about who we are, or what we may do."""
    return _last(name) in _RIGHTS


def of_a_known_user(name: str) -> bool:
    """True when it is about what somebody may do whom Odoo has let in."""
    return _last(name) == "AccessError"


def passing(name: str) -> bool:
    """True when the same call may work later."""
    return _last(name) in _PASSING


def version_in(answer: Any) -> str | None:
    """The version in what either door says about itself."""
    said = members(answer)
    return words(said.get("version")) or words(said.get("server_version"))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
