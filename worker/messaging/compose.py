"""A draft from given facts: which language, which template, what fills it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from contracts import regions
from contracts.countries import NAMES
from contracts.message_settings import MessageSettings, Template
from contracts.message_texts import MAX_BODY, MAX_PARAMETER, TEXTS, filled, one_line
from contracts.messages import Drafted, Subject
from contracts.suppressions import phone_of

#: A word that can begin a greeting: no initials, no titles.
_TITLES = {"mr", "mrs", "ms", "dr", "prof", "herr", "frau", "mme", "mlle", "sr", "sra", "ir"}
_WORD = re.compile(r"[^\W\d_][\w'’-]{1,39}")


def language_of(of: Subject, settings: MessageSettings, templates: Sequence[Template]) -> str:
    """The recipient's language where the tenant allows it and there are words in it, else the tenant's default, else English."""
    spoken = tuple(each for each in settings.languages if any(t.language == each for t in templates))
    countries = (regions.country_of_phone(phone_of(of.contact_phone or "")), of.country)
    wanted = regions.language(countries, spoken, settings.default_language)
    return wanted if any(t.language == wanted for t in templates) else "en"


def template_for(templates: Sequence[Template], channel: str, step: int, language: str) -> Template | None:
    """The template of a channel, step and language; None: nobody has written one."""
    found = (t for t in templates if (t.channel, t.sequence_step, t.language) == (channel, step, language))
    return next(found, None)


def opener_by_template(of: Subject, language: str) -> str:
    """The sentence that stands where no model has written one."""
    _, opener, _ = TEXTS.get(language, TEXTS["en"])
    return opener.format(company_name=_short(of.company_name))


def draft(
    of: Subject, template: Template, settings: MessageSettings, *, opener: str | None, notes: Sequence[str] = ()
) -> Drafted | None:
    """Fill a template. `opener`: a model's sentence, checked; None: ours. None: it does not fit, whatever fills it."""
    said = opener or opener_by_template(of, template.language)
    values = {
        "first_name": first_name(of.contact_name) or _nobody(of, template),
        "company_name": _short(of.company_name),
        "sender": settings.sender or _short(of.tenant_name),
        "opener": said,
        "industry": of.industry or "-",
        "city": of.city or "-",
        "country_name": NAMES.get(of.country or "", "-"),
    }
    parameters = [one_line(values[name])[:MAX_PARAMETER] for name in template.parameters]
    body = filled(template.body, parameters)
    if len(body) > MAX_BODY[template.channel]:
        return draft(of, template, settings, opener=None, notes=notes) if opener else None
    used = opener is not None and "opener" in template.parameters
    return Drafted(
        template=template,
        parameters=parameters,
        body=body,
        written_by="model" if used else "template",
        notes=list(notes),
    )


def first_name(name: str | None) -> str | None:
    """The first word of a name that can be greeted by; None when there is none."""
    for word in one_line(name or "").split(" "):
        if word.lower().rstrip(".") not in _TITLES and _WORD.fullmatch(word):
            return word
    return None


def _nobody(of: Subject, template: Template) -> str:
    text = TEXTS.get(template.language)
    return text[2] if text is not None and template.body == text[0] else _short(of.company_name)


def _short(name: str) -> str:
    return one_line(name)[:120].strip()
