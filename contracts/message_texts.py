"""The words a first message is made of, until a tenant has its own. Pure. A mail says the same as a message, under a subject.

A template is a text with {{1}}, {{2}} … and the names of what fills them. On WhatsApp the vendor has approved that text, so only
what fills it can be written anew: a model writes `opener`, everything else is a given fact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: What may fill a template. `opener` is the one that is written; the others are facts.
PARAMETERS = ("first_name", "company_name", "sender", "opener", "industry", "city", "country_name")
BUILT_IN: Sequence[str] = ("first_name", "sender", "opener")

#: language -> (text, opener without a model, how we address somebody whose name nobody knows)
TEXTS: Mapping[str, tuple[str, str, str]] = {
    "en": (
        "Hello {{1}}, this is {{2}}. {{3}} May we tell you more? Reply STOP and we will not write again.",
        "We work with companies like {company_name} and believe our offer could be of use to you.",
        "there",
    ),
    "de": (
        "Guten Tag {{1}}, hier ist {{2}}. {{3}} Dürfen wir Ihnen mehr sagen? Auf die Antwort STOP hin schweigen wir.",
        "Wir arbeiten mit Unternehmen wie {company_name} und glauben, dass unser Angebot für Sie nützlich sein kann.",
        "zusammen",
    ),
    "fr": (
        "Bonjour {{1}}, ici {{2}}. {{3}} Pouvons-nous vous en dire plus ? Répondez STOP et nous ne vous écrirons plus.",
        "Nous travaillons avec des entreprises comme {company_name} et pensons que notre offre peut vous être utile.",
        "à vous",
    ),
    "es": (
        "Hola {{1}}, le escribe {{2}}. {{3}} ¿Podemos contarle más? Responda STOP y no volveremos a escribirle.",
        "Trabajamos con empresas como {company_name} y creemos que nuestra oferta puede serle útil.",
        "a todos",
    ),
    "it": (
        "Buongiorno {{1}}, siamo {{2}}. {{3}} Possiamo dirle di più? Risponda STOP e non le scriveremo più.",
        "Lavoriamo con aziende come {company_name} e crediamo che la nostra offerta possa esserle utile.",
        "a tutti",
    ),
    "pt": (
        "Olá {{1}}, aqui é {{2}}. {{3}} Podemos contar mais? Responda STOP e não voltaremos a escrever.",
        "Trabalhamos com empresas como a {company_name} e acreditamos que a nossa oferta pode ser útil para vocês.",
        "a todos",
    ),
    "nl": (
        "Goedendag {{1}}, u spreekt met {{2}}. {{3}} Mogen wij u meer vertellen? Antwoord STOP en wij schrijven u niet meer.",
        "Wij werken met bedrijven zoals {company_name} en denken dat ons aanbod nuttig voor u kan zijn.",
        "allemaal",
    ),
}  # fmt: skip
LANGUAGES: tuple[str, ...] = tuple(TEXTS)
#: The subject of a mail, where its template says nothing else.
SUBJECTS: Mapping[str, str] = {
    "en": "A word from {{2}}",
    "de": "Eine Nachricht von {{2}}",
    "fr": "Un mot de {{2}}",
    "es": "Un mensaje de {{2}}",
    "it": "Un messaggio da {{2}}",
    "pt": "Uma mensagem de {{2}}",
    "nl": "Een bericht van {{2}}",
}

#: The most characters of a whole message, of one parameter and of what is written for it.
MAX_BODY: Mapping[str, int] = {"whatsapp": 1024, "email": 4000}
MAX_PARAMETER = 600
MAX_OPENER = 300
MAX_SUBJECT = 200
_PLACE = re.compile(r"\{\{(\d{1,2})\}\}")


def places(text: str) -> list[int]:
    """The numbers in a text's placeholders, in order, each once."""
    return sorted({int(n) for n in _PLACE.findall(text)})


def filled(text: str, parameters: Sequence[str]) -> str:
    """The text with its placeholders filled."""
    return _PLACE.sub(lambda at: parameters[int(at[1]) - 1], text)


def one_line(text: str) -> str:
    """As a vendor takes a parameter: one line, single spaces."""
    return " ".join(text.split())
