"""The companies' own sites, as strangers build them: most are plain, some forbid crawlers, turn them away, or are hard to read.

A site is asked for by its name in the Host header; X-Forwarded-Proto says with which scheme, since all of it is plain HTTP here.

kind        share   what a crawler meets
plain       0.63    home, about, contact, team, products, careers, some pricing and customers; some with JSON-LD
delay       0.03    plain, with a Crawl-delay
charset     0.03    plain, in Windows-1252 that only a meta tag declares
huge        0.01    plain, with a page of megabytes
trap        0.02    plain, with a calendar that never ends
slow        0.02    plain, but each page takes seconds
shell       0.06    an empty page that a script would fill
forbidden   0.05    403
captcha     0.03    200, but "are you a robot?"
throttled   0.02    429 with Retry-After
moved       0.03    redirects to another company's domain
closed      0.05    robots.txt disallows all
unsure      0.02    robots.txt answers 503
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from worker.providers.sandbox.answer import Answer
from worker.providers.sandbox.people import Person, company_at, country_name, employees, people_of, phone
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import Company, World

_KINDS: tuple[tuple[float, str], ...] = (
    (0.63, "plain"), (0.66, "delay"), (0.69, "charset"), (0.70, "huge"), (0.72, "trap"), (0.74, "slow"), (0.80, "shell"),
    (0.85, "forbidden"), (0.88, "captcha"), (0.90, "throttled"), (0.93, "moved"), (0.98, "closed"), (1.0, "unsure"),
)  # fmt: skip
SLOW_S = 3.0
CRAWL_DELAY_S = 1
HUGE_BYTES = 3_000_000
_HTML = "text/html; charset=utf-8"


def site(world: World, host: str) -> Offer | None:
    """The site at `host`; None when no company of the world has one there."""
    # Vendors are asked for by address or a bare name: looking those up would furnish the whole world first.
    if "." not in host or host.rpartition(".")[2].isdigit():
        return None
    company = company_at(world, host)
    if company is None or company.category != "GENERAL":
        return None
    return Offer("site", company.domain, "GET", "/", lambda asked: answer(asked, company, host.casefold()))


def kind(world: World, company: Company) -> str:
    """What a crawler meets at the company's site."""
    luck = world.luck("site", company.lei)
    return next(name for below, name in _KINDS if luck < below)


def home_host(world: World, company: Company) -> str:
    """The one host its pages are at; the other one redirects there."""
    return f"www.{company.domain}" if world.luck("www", company.lei) < 0.5 else company.domain


def answer(asked: Asked, company: Company, host: str) -> Answer:
    """One page of the site."""
    world, path = asked.world, asked.path
    scheme = "https" if world.luck("https", company.lei) < 0.85 else "http"
    if host != home_host(world, company) or asked.headers.get("x-forwarded-proto", scheme) != scheme:
        return _redirect(f"{scheme}://{home_host(world, company)}{quote(path)}")
    what = kind(world, company)
    if path == "/robots.txt":
        return _robots(what)
    if what in _WHOLE:
        return _WHOLE[what](world, company)
    page = _PAGES.get(path.rstrip("/") or "/") if path == "/" or not path.endswith("/") else None
    if what == "trap" and path.startswith("/calendar"):
        return _shown(_frame(_Site(world, company), "Calendar", f'<p>Nothing here.</p><a href="{path}/next">next</a>'))
    if page is None or (path in _SOME and not _has(world, company, path)):
        return Answer(404, _HTML, b"<html><title>404</title><h1>Page not found</h1></html>")
    return _as(what, page(_Site(world, company)))


def _as(what: str, text: str) -> Answer:
    if what == "charset":
        text = text.replace('<meta charset="utf-8">', '<meta charset="windows-1252">')
        return Answer(200, "text/html", text.encode("cp1252", "xmlcharrefreplace"))
    if what == "huge":
        filler = "<p>One more line of a page that does not end.</p>\n"
        text = text.replace("</body>", filler * (HUGE_BYTES // len(filler)) + "</body>")
    return Answer(200, _HTML, text.encode(), delay_s=SLOW_S if what == "slow" else 0.0)


def _robots(what: str) -> Answer:
    if what == "unsure":
        return Answer(503, "text/html", b"<html><h1>Service unavailable</h1></html>")
    if what == "closed":
        return Answer(200, "text/plain", b"User-agent: *\nDisallow: /\n")
    delay = f"Crawl-delay: {CRAWL_DELAY_S}\n" if what == "delay" else ""
    return Answer(200, "text/plain", f"User-agent: *\nDisallow: /admin/\n{delay}\nSitemap: /sitemap.xml\n".encode())


def _redirect(url: str) -> Answer:
    return Answer(301, "text/html", b"", headers={"Location": url})


def _shown(text: str) -> Answer:
    return Answer(200, _HTML, text.encode())


def _shell(_world: World, company: Company) -> Answer:
    script = '<script src="/static/app.3f2a.js"></script><noscript>This site needs JavaScript.</noscript>'
    title = html.escape(company.brand)
    return _shown(
        f'<!doctype html><html lang="en"><head><title>{title}</title></head><body><div id="root"></div>{script}</body></html>'
    )


def _captcha(_world: World, _company: Company) -> Answer:
    return _shown("<!doctype html><html><title>Just a moment...</title><body><h1>Are you a robot?</h1></body></html>")


def _forbidden(_world: World, _company: Company) -> Answer:
    return Answer(403, "text/html", b"<html><title>403</title><h1>Forbidden</h1></html>")


def _throttled(_world: World, _company: Company) -> Answer:
    return Answer(429, "text/plain", b"Too many requests", headers={"Retry-After": "120"})


def _moved(world: World, company: Company) -> Answer:
    others = [c for c in world.companies(company.country) if c.category == "GENERAL" and c.lei != company.lei]
    return _redirect(f"https://www.{others[int(world.luck('moved', company.lei) * len(others))].domain}/")


_WHOLE: Mapping[str, Callable[[World, Company], Answer]] = {
    "shell": _shell, "captcha": _captcha, "forbidden": _forbidden, "throttled": _throttled, "moved": _moved,
}  # fmt: skip


# --- pages -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Site:
    world: World
    company: Company

    @property
    def trades(self) -> tuple[str, ...]:
        return self.company.trades or tuple(s.replace("_", " ") for s in self.company.sectors) or ("services",)

    @property
    def office(self) -> str:
        return phone(self.world, self.company, "office")

    @property
    def staff(self) -> list[Person]:
        """Who is shown: those who objected had themselves taken off."""
        return [p for p in people_of(self.world, self.company) if not p.objected]

    def luck(self, *what: object) -> float:
        return self.world.luck("page", self.company.lei, *what)


def _home(site: _Site) -> str:
    name, trade = html.escape(site.company.name), " and ".join(site.trades)
    count = employees(site.world, site.company)
    body = (
        f"<h1>{html.escape(site.company.brand)}</h1><p>{name} is a supplier of <b>{trade}</b> in {site.company.city}, "
        f"{country_name(site.company.country)}. We have {count} people and deliver to companies of every size.</p>"
        "<p>Ask us for samples: they are with you within a week, and our prices hold for a year. What we sell we also repair.</p>"
        '<p><a href="/files/catalogue.pdf">Catalogue</a> <a href="/img/shop.jpg">Our shop</a> '
        '<a href="https://www.w3.org/">Standards</a></p>'
    )
    return _frame(site, f"{name} | {site.trades[0].capitalize()}", body)


def _about(site: _Site) -> str:
    born = 1950 + int(site.luck("founded") * 70)
    body = (
        f"<h1>About us</h1><p>{html.escape(site.company.brand)} was founded in {site.company.city} in {born} and has grown "
        "ever since. We work for schools, mines, hotels and hospitals, and for the shop around the corner.</p>"
        f"<p>Our {employees(site.world, site.company)} employees know their trade, which is {' and '.join(site.trades)}.</p>"
    )
    return _frame(site, "About us", body)


def _contact(site: _Site) -> str:
    domain, form = site.company.domain, site.luck("mail form")
    shown = (
        f'<a href="mailto:info@{domain}?subject=Hello">Write to us</a>'
        if form < 0.5
        else f"E-mail: info@{domain}"
        if form < 0.8
        else f"E-mail: info [at] {domain.replace('.', ' [dot] ')}"
    )
    said = shown if site.company.has_mail else "Please use the form."
    number = site.office
    form_html = '<form action="/send"><input name="email" placeholder="you@example.com"></form>'
    address = f"1 Market Street<br>{site.company.city}<br>{country_name(site.company.country)}"
    called = f"Tel: {number[:-5]} {number[-5:]}"
    body = f"<h1>Contact</h1><p>{said}</p><p>{called}</p><address>{address}</address>{form_html}"
    return _frame(site, "Contact", body)


def _team(site: _Site) -> str:
    rows = []
    for person in site.staff:
        mail = f'<a href="mailto:{person.email}">{person.email}</a>' if site.luck("mail", person.id) < 0.5 else ""
        call = f'<a href="tel:{person.phone}">{person.phone}</a>' if site.luck("phone", person.id) < 0.3 else ""
        rows.append(f"<li><h3>{html.escape(person.name)}</h3><p>{person.title}</p>{mail} {call}</li>")
    return _frame(site, "Our team", f"<h1>Our team</h1><ul>{''.join(rows)}</ul>")


def _products(site: _Site) -> str:
    rows = "".join(
        f"<li><h2>{trade.title()}</h2><p>Everything in {trade}, made to last, in all sizes and colours.</p></li>"
        for trade in site.trades
    )
    return _frame(site, "Products", f"<h1>What we make</h1><ul>{rows}</ul>")


def _careers(site: _Site) -> str:
    text = f"<p>We are looking for people in {site.company.city}. Write to us and say what you can do best.</p>"
    return _frame(site, "Careers", f"<h1>Join us</h1>{text}")


def _pricing(site: _Site) -> str:
    price = 5 + int(site.luck("price") * 90)
    return _frame(
        site, "Pricing", f"<h1>Prices</h1><p>From USD {price} per piece; ask for a quote above a hundred pieces.</p>"
    )


def _clients(site: _Site) -> str:
    others = [c for c in site.world.companies(site.company.country) if c.category == "GENERAL"][:3]
    rows = "".join(f"<li>{html.escape(c.brand)}</li>" for c in others)
    return _frame(site, "Our clients", f"<h1>Who we work for</h1><p>Some of those who trust us:</p><ul>{rows}</ul>")


_PAGES: Mapping[str, Callable[[_Site], str]] = {
    "/": _home, "/about-us": _about, "/contact": _contact, "/team": _team, "/products": _products, "/careers": _careers,
    "/pricing": _pricing, "/clients": _clients,
}  # fmt: skip
#: Pages that only some sites have, and the share of them.
_SOME = {"/pricing": 0.3, "/clients": 0.4, "/careers": 0.5}


def _has(world: World, company: Company, path: str) -> bool:
    return world.luck("has", path, company.lei) < _SOME.get(path, 1.0)


def _frame(site: _Site, title: str, body: str) -> str:
    company = site.company
    names = {"/": "Home", "/about-us": "About us", "/contact": "Contact", "/team": "Our team", "/products": "Products",
             "/careers": "Careers", "/pricing": "Pricing", "/clients": "Our clients"}  # fmt: skip
    nav = "".join(f'<a href="{p}">{n}</a> ' for p, n in names.items() if _has(site.world, company, p))
    if kind(site.world, company) == "trap":
        nav += "".join(f'<a href="/calendar/2026/{n}?session={n}">{n}</a>' for n in range(1, 200))
    label = company.domain.partition(".")[0]
    footer = (
        f'<footer>{html.escape(company.name)}, {company.city} · <a href="tel:{site.office}">{site.office}</a> · '
        f'<a href="https://www.linkedin.com/company/{label}?trk=foot">LinkedIn</a> <a href="https://facebook.com/{label}">Facebook</a></footer>'
    )
    return (
        f'<!doctype html><html lang="en-{company.country}"><head><meta charset="utf-8"><title>{title}</title>{_head(site)}</head>'
        f"<body><header><nav>{nav}</nav></header><main>{body}</main>{footer}</body></html>"
    )


def _head(site: _Site) -> str:
    company, built = site.company, site.luck("built")
    head = f'<meta property="og:site_name" content="{html.escape(company.brand)}">'
    if built < 0.4:
        head += '<meta name="generator" content="WordPress 6.8"><script src="/wp-content/themes/plain/app.js"></script>'
    elif built < 0.5:
        head += '<script src="https://cdn.shopify.com/s/files/theme.js"></script>'
    if site.luck("analytics") < 0.6:
        head += '<script src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>'
    if site.luck("json-ld") < 0.5:
        address = {
            "@type": "PostalAddress",
            "streetAddress": "1 Market Street",
            "addressLocality": company.city,
            "addressCountry": company.country,
        }
        thing = {
            "@context": "https://schema.org",
            "@type": "Organization",
            "name": company.brand,
            "legalName": company.name,
            "url": f"https://{company.domain}/",
            "telephone": site.office,
            "address": address,
            "leiCode": company.lei,
            "numberOfEmployees": {"@type": "QuantitativeValue", "value": employees(site.world, company)},
        }
        head += f'<script type="application/ld+json">{json.dumps(thing)}</script>'
    return head
