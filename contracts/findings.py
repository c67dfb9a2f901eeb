"""What look-ups ask for and give back, in our words, whichever vendor answers. Values carry confidence; the reply around them
carries source, time, cost and terms (`contracts/providers.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Confidence = Annotated[float, Field(ge=0, le=1)]
Domain = Annotated[str, Field(min_length=3, max_length=253)]
Email = Annotated[str, Field(min_length=3, max_length=320)]
Short = Annotated[str, Field(max_length=300)]
Url = Annotated[str, Field(max_length=2000)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- people ------------------------------------------------------------------------------------------------------------------


class PersonQuery(_Words):
    """Who is meant: by a vendor's own id, e-mail or LinkedIn URL, else by name and company."""

    vendor_id: Annotated[str, Field(max_length=200)] | None = None
    name: Short | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    email: Email | None = None
    linkedin_url: Url | None = None
    company_name: Short | None = None
    company_domain: Domain | None = None
    want_phone: bool = Field(default=False, description="a mobile number may cost several times as much")


class FoundPerson(_Words):
    """A person as a vendor knows them. `phone_do_not_call` and `in_eu` must reach the outreach guard."""

    name: Short | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    title: Short | None = None
    seniority: Short | None = None
    departments: tuple[Short, ...] = ()
    email: Email | None = None
    email_confidence: Confidence | None = None
    email_verified: bool | None = None
    phone: Annotated[str, Field(max_length=40, description="E.164 where the vendor says so")] | None = None
    phone_type: Literal["mobile", "direct", "office", "unknown"] | None = None
    phone_do_not_call: bool | None = None
    linkedin_url: Url | None = None
    country: Country | None = None
    city: Short | None = None
    in_eu: bool | None = None
    company_name: Short | None = None
    company_domain: Domain | None = None
    vendor_id: Annotated[str, Field(max_length=200)] | None = None
    sources: tuple[Url, ...] = Field(default=(), description="where the vendor read it: the duty to name one's source")
    confidence: Confidence = 0.5


class PeopleAt(_Words):
    """Ask for the people at a company, best matching titles first."""

    domain: Domain
    company_name: Short | None = None
    titles: tuple[Short, ...] = ()
    limit: int = Field(default=10, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=10_000)


class FoundPeople(_Words):
    """Some people at a company; `more` says that the vendor knows further ones, from `next_offset` on."""

    people: tuple[FoundPerson, ...] = ()
    pattern: Short | None = Field(default=None, description="how addresses are built there, e.g. {first}.{last}")
    accept_all: bool | None = None
    next_offset: int | None = None


# --- companies ---------------------------------------------------------------------------------------------------------------


class CompanyQuery(_Words):
    """Which company: by domain, else by name and country, else by registry number."""

    domain: Domain | None = None
    name: Short | None = None
    country: Country | None = None
    registry_id: Annotated[str, Field(max_length=100)] | None = None
    vendor_id: Annotated[str, Field(max_length=200)] | None = None
    linkedin_url: Url | None = None


class CompanyProfile(_Words):
    """A company as a vendor knows it. Money in whole US dollars a year; employees as a count, or the range it lies in."""

    name: Short | None = None
    legal_name: Short | None = None
    domain: Domain | None = None
    description: Annotated[str, Field(max_length=4000)] | None = None
    industry: Short | None = None
    naics: tuple[Annotated[str, Field(max_length=6)], ...] = ()
    employees: Annotated[int, Field(ge=0, le=50_000_000)] | None = None
    employees_min: Annotated[int, Field(ge=0, le=50_000_000)] | None = None
    employees_max: Annotated[int, Field(ge=0, le=50_000_000)] | None = None
    revenue_usd: Annotated[float, Field(ge=0, le=1e15)] | None = None
    founded: Annotated[int, Field(ge=1000, le=2200)] | None = None
    country: Country | None = None
    city: Short | None = None
    phone: Annotated[str, Field(max_length=40)] | None = None
    technologies: tuple[Short, ...] = ()
    linkedin_url: Url | None = None
    registry_id: Annotated[str, Field(max_length=100)] | None = None
    vendor_id: Annotated[str, Field(max_length=200)] | None = None
    status: Literal["active", "inactive"] | None = None
    confidence: Confidence = 0.5


class PersonAndCompany(_Words):
    """What one e-mail address leads to: who it belongs to, and where they work. At least one of them is known."""

    person: FoundPerson | None = None
    company: CompanyProfile | None = None


# --- e-mail ------------------------------------------------------------------------------------------------------------------


class EmailQuery(_Words):
    email: Email


#: What may be done with an address: `valid` send; `risky` (catch-all) only with other evidence; `unknown` ask once more later;
#: `invalid` never; `suppress` never, and it goes onto the suppression list.
EmailStanding = Literal["valid", "risky", "unknown", "invalid", "suppress"]


class EmailVerdict(_Words):
    """Deliverability. `status` and `sub_status` are the vendor's own words; `retry_after_s` when it asks for a second try."""

    email: Email
    standing: EmailStanding
    status: Short
    sub_status: Short | None = None
    did_you_mean: Email | None = None
    free_mail: bool | None = None
    confidence: Confidence = 0.5
    retry_after_s: float | None = None


# --- web ---------------------------------------------------------------------------------------------------------------------


class WebQuery(_Words):
    """A web search. `sites` narrows it to these domains."""

    words: Annotated[str, Field(min_length=1, max_length=400)]
    sites: tuple[Domain, ...] = ()
    limit: int = Field(default=5, ge=1, le=20)
    want_text: bool = False


class WebHit(_Words):
    url: Url
    title: Short | None = None
    snippet: Annotated[str, Field(max_length=4000)] | None = None
    text: str | None = None
    score: Confidence | None = None


class WebHits(_Words):
    hits: tuple[WebHit, ...] = ()


class PageUrl(_Words):
    """A page whose text is wanted from a vendor that fetches pages for us."""

    url: Url


class PageText(_Words):
    url: Url
    text: str


# --- a language model --------------------------------------------------------------------------------------------------------


class Prompt(_Words):
    """What a language model is asked. With `answer_schema` (JSON Schema, strict form) the answer must be JSON that fits it."""

    system: Annotated[str, Field(max_length=20_000)]
    user: Annotated[str, Field(max_length=400_000)]
    max_tokens: int = Field(default=800, ge=1, le=100_000)
    schema_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "answer"
    answer_schema: dict[str, Any] | None = None


class Completion(_Words):
    """`data` is the parsed answer when a schema was asked for. Tokens as the server counted them, or estimated: see the reply."""

    text: str
    data: dict[str, Any] | None = None
    model: Short
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    repaired: bool = Field(default=False, description="the first answer did not fit the schema; the second did")


# --- opportunities -----------------------------------------------------------------------------------------------------------


class OpportunityQuery(_Words):
    """Notices posted between two dates (inclusive, ISO 8601) under one NAICS code. `offset` counts records."""

    naics: Annotated[str, Field(pattern=r"^\d{2,6}$")]
    posted_from: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    posted_to: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    limit: int = Field(default=1000, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class FoundOpportunity(_Words):
    notice_id: Annotated[str, Field(min_length=1, max_length=200)]
    solicitation_number: Short | None = None
    title: Annotated[str, Field(max_length=1000)]
    agency: Annotated[str, Field(max_length=1000)] | None = None
    kind: Short | None = None
    naics: tuple[Annotated[str, Field(max_length=6)], ...] = ()
    set_aside: Short | None = None
    posted_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    deadline_at: Short | None = Field(default=None, description="ISO 8601 with its offset, as the agency wrote it")
    active: bool | None = None
    country: Short | None = None
    state: Short | None = None
    city: Short | None = None
    url: Url | None = None
    description_url: Url | None = None
    raw: dict[str, object] = Field(default_factory=dict)


class OpportunityPage(_Words):
    """`total` is what the vendor says stands in the whole range; `dropped` counts records that could not be read."""

    opportunities: tuple[FoundOpportunity, ...] = ()
    total: int = Field(default=0, ge=0)
    dropped: int = Field(default=0, ge=0)


# --- a register in bulk ------------------------------------------------------------------------------------------------------


class RegisterQuery(_Words):
    """One page of a register's data set."""

    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=1000, ge=1, le=10_000)


class RegisterEntity(_Words):
    """One registered company (ACRA): the words of the register, "na" and blanks as None."""

    uen: Annotated[str, Field(min_length=8, max_length=12)]
    name: Annotated[str, Field(min_length=1, max_length=500)]
    status: Short | None = None
    entity_type: Short | None = None
    company_type: Short | None = None
    incorporated_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    primary_ssic: Annotated[str, Field(max_length=10)] | None = None
    primary_ssic_description: Short | None = None
    secondary_ssic: Annotated[str, Field(max_length=10)] | None = None
    street: Short | None = None
    building: Short | None = None
    postal_code: Annotated[str, Field(max_length=20)] | None = None
    secondary_ssic_description: Short | None = None
    uen_issued_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    annual_return_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    accounts_due_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    block: Annotated[str, Field(max_length=20)] | None = None
    level: Annotated[str, Field(max_length=20)] | None = None
    unit: Annotated[str, Field(max_length=20)] | None = None
    officers: Annotated[int, Field(ge=0, le=100_000)] | None = None
    former_names: tuple[Annotated[str, Field(max_length=500)], ...] = ()


class RegisterPage(_Words):
    entities: tuple[RegisterEntity, ...] = ()
    total: int = Field(default=0, ge=0)
    next_offset: int | None = None
    dropped: int = Field(default=0, ge=0)


class RegisterFileQuery(_Words):
    """A whole data set of a register, as one file."""

    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    occasion: Annotated[
        str, Field(max_length=200, description="a file is for one taker: another occasion fetches another")
    ] = ""


class RegisterFile(_Words):
    """A data set that was fetched: a file on this machine, to be deleted by whoever asked for it."""

    path: Annotated[str, Field(min_length=1, max_length=2000)]
    size: int = Field(ge=0, description="bytes")


class RegisterCatalogQuery(_Words):
    """Which data sets a collection has at the moment."""

    collection: int = Field(default=2, ge=1, le=1_000_000)


class RegisterCatalog(_Words):
    datasets: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...]
    updated_at: Short | None = Field(
        default=None, description="when the collection last changed, as the vendor says it"
    )
