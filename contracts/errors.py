"""The error tree. An error is named for the catcher's next move.

HeadwaterError
├── Rejected              the asker must change something                      4xx, job: stop
│   ├── Invalid           400 the request does not make sense
│   ├── Unauthenticated   401 who are you?
│   ├── Forbidden         403 you may not
│   ├── NotFound          404 there is no such thing, or it is another tenant's
│   ├── Conflict          409 it clashes with what is already there
│   ├── TooLarge          413 the body is too big
│   └── Throttled         429 slow down; carries `after_s`
├── TryLater              time will mend it; carries `after_s`                 503, job: retry
│   ├── VendorBusy        the vendor throttles us (spends no attempt)
│   ├── VendorDown        5xx, timeout, cut connection (may have arrived: see `sent`)
│   └── Unavailable       our own database or queue is away
└── Hopeless              time will not mend it                                502, job: stop, alert
    ├── VendorRefused     key, plan or credits: an operator must act
    └── BadAnswer         the vendor answered garbage

Anything else is a bug (500, job: stop, page). Two tables map the tree: `api/errors.py` and `worker/verdict.py`.
"""

from __future__ import annotations


class HeadwaterError(Exception):
    """Base. `code` is stable and machine-readable; `detail` says what to do next."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members
        if code is not None:
            self.code = code


class Rejected(HeadwaterError):
    code = "rejected"


class Invalid(Rejected):
    code = "invalid_request"


class Unauthenticated(Rejected):
    code = "unauthenticated"


class Forbidden(Rejected):
    code = "forbidden"


class NotFound(Rejected):
    code = "not_found"


class Conflict(Rejected):
    code = "conflict"


class TooLarge(Rejected):
    code = "body_too_large"


class _Delayed(HeadwaterError):
    """An error that knows how long to wait: `after_s` in seconds, None = the catcher's own backoff."""

    def __init__(
        self, detail: str, *, after_s: float | None = None, code: str | None = None, **members: object
    ) -> None:
        super().__init__(detail, code=code, **members)
        self.after_s = after_s


class Throttled(_Delayed, Rejected):
    code = "throttled"


class TryLater(_Delayed):
    code = "try_later"


class VendorBusy(TryLater):
    code = "vendor_busy"


class VendorDown(TryLater):
    """`sent` is True when the request may have reached the vendor, so that it may have been billed."""

    code = "vendor_down"

    def __init__(
        self,
        detail: str,
        *,
        after_s: float | None = None,
        sent: bool = True,
        code: str | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail, after_s=after_s, code=code, **members)
        self.sent = sent


class Unavailable(TryLater):
    code = "unavailable"


class Hopeless(HeadwaterError):
    code = "hopeless"


class VendorRefused(Hopeless):
    code = "vendor_refused"


class BadAnswer(Hopeless):
    code = "bad_answer"
