"""What a site is built with, from its generator, the hosts of its scripts and its headers. Pure. Hints, not proof."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.enrichment.page import Page

#: A part of a script's or a page's URL -> technology.
_SCRIPTS = (
    ("cdn.shopify.com", "Shopify"), ("/wp-content/", "WordPress"), ("/wp-includes/", "WordPress"), ("woocommerce", "WooCommerce"),
    ("static.wixstatic.com", "Wix"), ("parastorage.com", "Wix"), ("squarespace", "Squarespace"), ("webflow", "Webflow"),
    ("/sites/default/files", "Drupal"), ("/media/jui/", "Joomla"), ("/static/version", "Magento"), ("bigcommerce", "BigCommerce"),
    ("js.hs-scripts.com", "HubSpot"), ("js.hsforms.net", "HubSpot"), ("salesforce", "Salesforce"), ("pardot", "Pardot"),
    ("marketo", "Marketo"), ("intercom", "Intercom"), ("zdassets.com", "Zendesk"), ("tawk.to", "Tawk"), ("drift.com", "Drift"),
    ("googletagmanager.com/gtm", "Google Tag Manager"), ("googletagmanager.com/gtag", "Google Analytics"),
    ("google-analytics.com", "Google Analytics"), ("connect.facebook.net", "Meta Pixel"), ("snap.licdn.com", "LinkedIn Insight"),
    ("hotjar", "Hotjar"), ("clarity.ms", "Microsoft Clarity"), ("matomo", "Matomo"), ("mailchimp", "Mailchimp"),
    ("klaviyo", "Klaviyo"), ("js.stripe.com", "Stripe"), ("paypal.com/sdk", "PayPal"), ("/_next/", "Next.js"), ("/_nuxt/", "Nuxt"),
    ("react", "React"), ("vue", "Vue.js"), ("angular", "Angular"), ("jquery", "jQuery"), ("bootstrap", "Bootstrap"),
    ("odoo", "Odoo"), ("/web/assets/", "Odoo"), ("trengo", "Trengo"),
)  # fmt: skip
_HEADERS = (
    ("x-shopify-stage", "", "Shopify"), ("x-wix-request-id", "", "Wix"), ("x-drupal-cache", "", "Drupal"),
    ("x-powered-by", "php", "PHP"), ("x-powered-by", "asp.net", "ASP.NET"), ("x-powered-by", "express", "Express"),
    ("x-powered-by", "next.js", "Next.js"), ("server", "cloudflare", "Cloudflare"), ("server", "nginx", "nginx"),
    ("server", "apache", "Apache"), ("server", "microsoft-iis", "IIS"), ("server", "litespeed", "LiteSpeed"),
    ("x-vercel-id", "", "Vercel"),
)  # fmt: skip
_PRODUCT = re.compile(r"^[A-Za-z][\w.+ !-]{1,40}?(?=\s+v?\d|[;,(|:]|$)")


def technologies(page: Page) -> Iterator[tuple[str, str, float]]:
    """(name, how it shows, confidence), each once."""
    seen = set[str]()
    for name, how, sure in _signs(page):
        if name not in seen:
            seen.add(name)
            yield name, how, sure


def _signs(page: Page) -> Iterator[tuple[str, str, float]]:
    if found := _PRODUCT.match(page.metas.get("generator", "")):
        yield found[0].strip(), "generator", 0.95
    for source in page.scripts:
        lower = source.lower()
        for part, name in _SCRIPTS:
            if part in lower:
                yield name, "script", 0.8 if "." in part or "/" in part else 0.6
    for header, part, name in _HEADERS:
        if header in page.headers and part in page.headers[header].lower():
            yield name, "header", 0.8
