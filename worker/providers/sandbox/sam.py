"""The opportunities vendor: `GET /opportunities/v2/search` in the wire format of SAM.gov v2.

Notices are posted day by day under six-digit codes, the same whoever asks. One in seven is amended three days later under its own
id, which then has that day as its posting date; one in nine is posted anew, five days later, under another id with the same
solicitation number. `offset` is the index of a page, and an index past the end gives the last page again. A key with
"personal" in it has ten calls a day, counted from the last reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import World

PERSONAL_CALLS = 10
AMENDED_AFTER = timedelta(days=3)
MAX_LIMIT = 1000
#: Code -> what is bought under it, and how many notices a day are posted on average.
TRADES: dict[str, tuple[str, float]] = {
    "561720": ("Janitorial services", 0.6),
    "561730": ("Grounds maintenance", 0.3),
    "315210": ("Cut and sew apparel", 0.2),
    "315990": ("Protective apparel and gloves", 0.3),
    "812332": ("Industrial laundry and uniforms", 0.1),
    "236220": ("Building construction", 0.8),
    "541512": ("Computer systems design", 4.0),
    "541519": ("Computer equipment", 0.2),
    "336411": ("Aircraft parts", 0.4),
}
#: On this day of every year one code has more notices than a page takes.
FLOOD = ("541519", (3, 15), 1300)
_KINDS = ("Solicitation", "Combined Synopsis/Solicitation", "Sources Sought", "Presolicitation", "Award Notice")
_SET_ASIDES = (
    ("SBA", "Total Small Business Set-Aside"), ("8A", "8a Competed"), ("WOSB", "Women-Owned Small Business"),
    (None, None), ("null", "null"),
)  # fmt: skip
_PLACES = (
    ("1000", "Norfolk", "VA", "Virginia", "USA", "23501"), ("2000", "San Diego", "CA", "California", "USA", "92101"),
    ("3000", "El Paso", "TX", "Texas", "USA", "79901"), ("4000", "Ramstein", None, None, "DEU", "66877"),
)  # fmt: skip
_OFFICES = ("DEPT OF DEFENSE.DEPT OF THE ARMY", "DEPT OF DEFENSE.DEPT OF THE NAVY", "GENERAL SERVICES ADMINISTRATION")


def search(asked: Asked) -> Answer:
    """One page of notices, or the vendor's words for what is wrong with the question."""
    if (refused := _refusal(asked)) is not None:
        return refused
    first, last = _date(asked.first("postedFrom")), _date(asked.first("postedTo"))
    limit, offset = int(asked.first("limit") or 1), int(asked.first("offset") or 0)
    assert first is not None
    assert last is not None
    code = asked.first("ncode") or ""
    found = [n for c in TRADES if c.startswith(code) for n in _posted(asked.world, c, first, last)]
    found.sort(key=lambda n: (n["postedDate"], n["noticeId"]), reverse=True)
    if not found:
        return json_answer(404, {"message": "No Data found"}, credits=1.0)
    page = min(offset, max(0, (len(found) - 1) // limit)) if limit else 0
    body = {
        "totalRecords": len(found),
        "limit": limit,
        "offset": offset,
        "opportunitiesData": found[page * limit : (page + 1) * limit],
        "links": [{"rel": "self", "href": f"{asked.base_url}{asked.path}"}],
    }
    return json_answer(200, body, credits=1.0)


def _refusal(asked: Asked) -> Answer | None:
    key = asked.first("api_key") or ""
    if not key or key.startswith("wrong"):
        text = "An invalid api_key was supplied" if key else "No api_key was supplied"
        return json_answer(403, {"error": {"code": "API_KEY_INVALID" if key else "API_KEY_MISSING", "message": text}})
    calls: dict[str, int] = asked.state.setdefault("calls", {})
    if "personal" in key and calls.get(key, 0) >= PERSONAL_CALLS:
        return throttled(asked, None)
    calls[key] = calls.get(key, 0) + 1
    return _misfit(asked)


def _misfit(asked: Asked) -> Answer | None:
    first, last, limit, offset = (asked.first(name) for name in ("postedFrom", "postedTo", "limit", "offset"))
    if not first or not last:
        return _bad("PostedFrom and PostedTo are mandatory")
    since, until = _date(first), _date(last)
    if since is None or until is None:
        return _bad("Invalid Date Entered. Expected date format is MM/dd/yyyy")
    if until < since or until > _year_after(since):
        return _bad("Date range must be 1 year(s) apart")
    if not all((number or "0").isdigit() for number in (limit, offset)):
        return _bad("limit/offset must be a positive number.")
    if int(limit or 1) > MAX_LIMIT:
        return _bad("Limit valid range is 0-1000. Please provide valid input.")
    return None


def _bad(text: str) -> Answer:
    return json_answer(400, {"errorCode": "400", "message": text})


def throttled(_asked: Asked, wait_s: float | None) -> Answer:
    """The 429: until the wait is over, or until the next day begins."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    until = midnight if wait_s is None else now + timedelta(seconds=int(wait_s) + 1)
    body = {
        "code": "900804",
        "message": "Message throttled out",
        "description": "You have exceeded your quota. You can access API after " + f"{until:%Y-%b-%d %H:%M:%S%z} UTC",
        "nextAccessTime": f"{until:%Y-%b-%d %H:%M:%S%z} UTC",
    }
    return json_answer(429, body)


def _posted(world: World, code: str, first: date, last: date) -> Iterator[dict[str, Any]]:
    """The notices of a code between two days, as they look on the last of them."""
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        for k in range(_count(world, code, day)):
            if not _amended(world, code, day, k, last):
                yield _notice(world, code, day, k, False)
        before = day - AMENDED_AFTER
        for k in range(_count(world, code, before)):
            if _amended(world, code, before, k, last):
                yield _notice(world, code, before, k, True)
        before = day - timedelta(days=5)
        for k in range(_count(world, code, before)):
            if world.luck("sam again", code, before, k) < 1 / 9:
                again = _notice(world, code, before, k, _amended(world, code, before, k, last))
                yield {**again, **_anew(world, code, before, k, day)}


def _amended(world: World, code: str, day: date, k: int, seen_on: date) -> bool:
    return seen_on >= day + AMENDED_AFTER and world.luck("sam amended", code, day, k) < 1 / 7


def _count(world: World, code: str, day: date) -> int:
    if (code, (day.month, day.day)) == FLOOD[:2]:
        return FLOOD[2]
    rate = TRADES[code][1] * (0.1 if day.weekday() > 4 else 1.36)
    return int(rate) + (world.luck("sam", code, day) < rate % 1)


@lru_cache(maxsize=20_000)
def _notice(world: World, code: str, day: date, k: int, amended: bool) -> dict[str, Any]:
    def pick(what: str, options: Any) -> Any:
        return options[int(world.luck("sam", what, code, day, k) * len(options))]

    notice_id = _id(world, code, day, k)
    city_code, city, state_code, state, country, zip_code = pick("place", _PLACES)
    set_aside, described = pick("set aside", _SET_ASIDES)
    deadline = day + timedelta(days=30 + (14 if amended else 0))
    made: dict[str, Any] = {
        "noticeId": notice_id,
        "title": f"{TRADES[code][0]}, {city}" + (" (amendment 1)" if amended else ""),
        "solicitationNumber": f"W{code[:3]}-{day:%y}-R-{int(world.luck('sam sol', code, day, k) * 10_000):04d}",
        "fullParentPathName": pick("office", _OFFICES),
        "fullParentPathCode": "021.2100",
        "postedDate": (day + AMENDED_AFTER if amended else day).isoformat(),
        "type": pick("kind", _KINDS),
        "baseType": "Solicitation",
        "archiveType": "auto15",
        "archiveDate": (deadline + timedelta(days=15)).isoformat(),
        "typeOfSetAsideDescription": described,
        "typeOfSetAside": set_aside,
        "responseDeadLine": pick(
            "deadline", (f"{deadline}T14:00:00-05:00", f"{deadline}T10:00:00-08:00", None, "null")
        ),
        "naicsCode": code,
        "naicsCodes": [code],
        "classificationCode": "S201",
        "active": "No" if world.luck("sam active", code, day, k) < 0.2 else "Yes",
        "award": None,
        "pointOfContact": [_contact(world, code, day, k)],
        "description": f"https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid={notice_id}",
        "organizationType": "OFFICE",
        "officeAddress": {"zipcode": "22060", "city": "FORT BELVOIR", "countryCode": "USA", "state": "VA"},
        "placeOfPerformance": {
            "city": {"code": city_code, "name": city},
            "state": {"code": state_code, "name": state},
            "country": {"code": country},
            "zip": zip_code,
        },
        "additionalInfoLink": None,
        "uiLink": f"https://sam.gov/opp/{notice_id}/view",
        "links": [{"rel": "self", "href": f"https://api.sam.gov/prod/opportunities/v2/search?noticeid={notice_id}"}],
        "resourceLinks": [],
    }
    for name in pick("bare", ((), (), (), ("placeOfPerformance",), ("naicsCode", "resourceLinks"))):
        made.pop(name)
    return made


def _anew(world: World, code: str, before: date, k: int, day: date) -> dict[str, Any]:
    """An amendment under an id of its own; the solicitation number stays."""
    notice_id = _id(world, code, before, k, "again")
    return {
        "noticeId": notice_id,
        "postedDate": day.isoformat(),
        "description": f"https://api.sam.gov/prod/opportunities/v1/noticedesc?noticeid={notice_id}",
        "uiLink": f"https://sam.gov/opp/{notice_id}/view",
    }


def _contact(world: World, code: str, day: date, k: int) -> dict[str, Any]:
    number = int(world.luck("sam phone", code, day, k) * 100)
    return {
        "type": "primary", "fullName": "Pat Doe", "title": None, "email": f"pat.doe{number}@example.mil",
        "phone": f"555-01{number:02d}", "fax": None,
    }  # fmt: skip


def _id(world: World, *what: object) -> str:
    return f"{int(world.luck('sam id', *what) * 2**64):016x}{int(world.luck('sam id 2', *what) * 2**64):016x}"


def _date(text: str | None) -> date | None:
    try:
        return datetime.strptime(text or "", "%m/%d/%Y").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _year_after(day: date) -> date:
    return day + timedelta(days=366 if (day.month, day.day) == (2, 29) else (day.replace(year=day.year + 1) - day).days)


def exhausted(asked: Asked) -> Answer:
    """No calls are left for today."""
    return throttled(asked, None)


OFFERS = (Offer("sam", "opportunities", "GET", "/sam/opportunities/v2/search", search, throttled, exhausted),)
