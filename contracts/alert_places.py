"""Where alerts of a tenant may go, and which of the installation's secrets may be used for it. Pure.

Checked when a channel is written and again when something is sent. So that nobody has the house's pager ring, or learns where the
house is told: a tenant names the setting that bears its own name; the house's own are for the default tenant and for `system`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from contracts.alerts import AlertWay, ChannelKind
from contracts.errors import Invalid
from contracts.settings import Settings
from contracts.webhook_endpoints import checked_url, is_loopback

#: Where the secret of a kind may stand: the house's setting; a tenant's own has its slug at the end.
SETTINGS: dict[ChannelKind, str] = {
    "webhook": "ALERT_WEBHOOK_URL",
    "slack": "SLACK_WEBHOOK_URL",
    "pagerduty": "PAGERDUTY_ROUTING_KEY",
}
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


def own_setting(kind: ChannelKind, slug: str) -> str:
    """The name of the setting that holds that tenant's secret."""
    return f"{SETTINGS[kind]}_{slug.upper().replace('-', '_')}"


def check(way: AlertWay, settings: Settings) -> None:
    """Raises: Invalid (`bad_webhook_url`, `alert_secret_refused`), saying what would be taken."""
    if way.url is not None:
        checked_url(way.url, loopback=settings.webhook_allow_loopback)
        host = urlsplit(way.url).hostname or ""
        if way.kind == "slack" and host not in SLACK_HOSTS and not is_loopback(way.url):
            words = f"an incoming webhook of Slack begins with https://{SLACK_HOSTS[0]}/: copy it from Slack"
            raise Invalid(words, code="bad_webhook_url")
    if way.secret_ref is not None:
        _check_reference(way.kind, way.secret_ref, way.slug, settings)
    if way.kind == "sentry" and not _is_house(way.slug, settings):
        raise Invalid("SENTRY_DSN is the house's: a tenant's alerts go by another channel", code="alert_secret_refused")


def _check_reference(kind: ChannelKind, reference: str, slug: str, settings: Settings) -> None:
    house = SETTINGS[kind]
    if reference == house and _is_house(slug, settings):
        return
    if kind == "webhook":
        raise Invalid(f"only the house's {house} can be named for a webhook: give its url", code="alert_secret_refused")
    if reference != own_setting(kind, slug):
        words = f"the secret of this tenant's channel stands in the setting {own_setting(kind, slug)}: name that one"
        raise Invalid(words, code="alert_secret_refused")


def _is_house(slug: str, settings: Settings) -> bool:
    return slug in (settings.default_tenant_slug, "system")


def shown(url: str | None, secret_ref: str | None, address: str | None) -> str:
    """Where a channel leads, without its secret: the host of a URL, that a setting is used, an address."""
    if url is not None:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}/…"
    if secret_ref is not None:
        return "a setting of the installation"
    return address or "SENTRY_DSN"
