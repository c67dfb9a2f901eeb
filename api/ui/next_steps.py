"""What to do after a refusal: a sentence for each kind of it, and the page where the thing it is about stands."""

from __future__ import annotations

from dataclasses import dataclass

from api.auth import reaches
from api.ui import nav
from contracts.tenants import Role

#: Page -> codes of problems that are about what stands there.
_ABOUT: dict[str, str] = {
    "/ui/runs": (
        "run_not_found run_ended run_not_ended run_quota run_failed replay_not_found nothing_to_replay "
        "nothing_to_resume runner_disabled query_not_found query_exists try_later opportunity_not_found"
    ),
    "/ui/leads": (
        "lead_not_found lead_already_exists lead_merged too_many_leads no_key source_event_reused "
        "contact_not_found consent_not_found suppression_not_found person_erased person_under_way "
        "import_not_found import_elsewhere no_connection no_conflict link_not_found"
    ),
    "/ui/companies": "company_not_found already_merged two_registry_ids",
    "/ui/candidates": "icp_not_found rule_set_not_found profile_changed profile_closed profile_exists no_industries",
    "/ui/messages": "message_not_found message_not_draft template_not_found template_changed wrong_parameters",
    "/ui/matches": "match_not_found match_decided merged_further",
    "/ui/nights": (
        "night_not_found manifest_not_found night_under_way no_night_for_system unknown_step bad_month nights_full"
    ),
    "/ui/shortlists": "no_such_night",
    "/ui/schedules": "schedule_not_found schedule_exists too_many_schedules bad_schedule kind_of_the_house",
    "/ui/outbox": (
        "unknown_event backlog_full nothing_waits endpoint_not_found too_many_endpoints bad_webhook_url "
        "no_signing_key tenant_paused"
    ),
    "/ui/jobs": "key_taken several_jobs job_failed unknown_job unknown_queue bad_payload",
    "/ui/vendors": (
        "unknown_vendor vendor_limits order_not_found no_source_order source_twice budget_spent "
        "vendor_refused vendor_down vendor_busy bad_answer breaker_open vendor_absent"
    ),
    "/ui/vendors/calls": "not_forfeited forfeited",
    "/ui/models": (
        "model_not_found gate_not_passed not_active not_in_shadow nothing_active reason_needed traffic_taken "
        "model_moved"
    ),
    "/ui/alerts": "alert_not_found alert_over alert_secret_refused channel_not_found channel_exists too_many_channels",
    "/ui/accounts": "trigger_not_found trigger_exists bad_params seeded not_empty",
    "/ui/stock": "sku_not_found",
    "/ui/tenants": (
        "tenant_not_found tenant_exists tenant_not_active tenant_suspended tenant_closed reserved_tenant house_only"
    ),
    "/ui/users": "user_exists weak_password",
    "/ui/keys": "invalid_key scope_missing",
}
_PAGE_OF = {code: page for page, codes in _ABOUT.items() for code in codes.split()}
#: Status -> what helps. What stands between backticks is there to be typed.
_WORDS: dict[int, str] = {
    400: "Go back, correct what is named above, and send it again.",
    401: "Log in again, then do it once more.",
    403: "Somebody who may can do it, or let you: an owner gives roles under Users.",
    404: "It may be gone, or another workspace's. Look for it where such things stand.",
    408: "Send it again, over a quicker line or in smaller parts.",
    409: "It stands otherwise than your page had it. Look at it as it is now, then decide.",
    429: "Wait a little, then send it again. Nothing was begun.",
    502: "Trying again will not help: whoever operates this installation mends it. `headwater doctor` says what is wrong.",
    503: "Try again in a moment. If it stays so, `headwater doctor` says what is away.",
}
_TOO_MUCH = "Send less at once, or in several parts."
_BROKEN = "Try again. If it stays so, tell whoever operates this installation the request's id below; the log has more under it."
_UNTOLD = {"/ui/vendors/calls": "Vendor calls"}


@dataclass(frozen=True, slots=True)
class Next:
    """`words` are a sentence; `path` and `title` name the page that helps."""

    words: str
    path: str
    title: str


def after(code: str, status: int, role: Role) -> Next:
    """What somebody of a role does next. A page that the role does not see is not named; the overview is seen by all."""
    seen = {entry.path: entry.title for section in nav.MENU for entry in section.entries if reaches(role, entry.least)}
    seen |= _UNTOLD
    path = _PAGE_OF.get(code, "/ui")
    if path not in seen:
        path = "/ui"
    words = _WORDS.get(status) or (_TOO_MUCH if status in (413, 414, 431) else _BROKEN)
    return Next(words, path, seen[path])
