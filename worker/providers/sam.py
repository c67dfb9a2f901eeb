"""Opportunities of the US federal government: SAM.gov, `GET /opportunities/v2/search`, the key in the query string.

A call is what counts: a personal key has about 10 a day, so the unit is one call and the day's budget is kept before it
leaves. Dates are MM/dd/yyyy and at most a year apart; offset is the index of a page, as documented. Nearly every member may
be null, absent or the text "null". A 429 says with `nextAccessTime` when the day's calls begin anew; a 404 means that
nothing was posted. `description` is a link which costs a call: it is kept, never followed. People who are named as contacts
are not kept.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from contracts.errors import BadAnswer
from contracts.findings import FoundOpportunity, OpportunityPage, OpportunityQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import Json, retry_after_s, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Flag, Lenient, Url, Words, listed, members, words
from worker.providers.operation import OneByOne, found, miss, patience
from worker.providers.rules import Kind, Said, VendorRules

#: A page of 1,000 notices with long lists of attachments.
MAX_ANSWER_BYTES = 40_000_000
#: A throttle that lasts longer is the day's quota: nobody waits for it.
LONG_WAIT_S = 900.0
DAY_S = 86_400.0

SPEC = OperationSpec(
    "sam",
    "opportunities",
    OpportunityPage,
    Terms.PUBLIC,
    # The daily budget is the ledger's to keep; this only keeps two calls from going out at once.
    Pace("sam", (Window(60, 60.0),), concurrency=1),
    unit="call",
    keep_s=DAY_S,
    keep_miss_s=DAY_S,
    timeout_s=60.0,
)


def _wait_s(said: Said) -> float | None:
    """Seconds until `nextAccessTime`, 0 at least, else what Retry-After says; None when neither is there."""
    try:
        text = json.loads(said.body).get("nextAccessTime")
        moment = datetime.strptime(text, "%Y-%b-%d %H:%M:%S%z UTC")
    except (ValueError, TypeError, AttributeError):
        return retry_after_s(said.headers)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _kind(said: Said) -> Kind | None:
    """A 429 is mostly the day's quota; a wrong key may be refused with a 400 and a text."""
    if said.status == 429:
        wait_s = _wait_s(said)
        return "rate" if wait_s is not None and wait_s <= LONG_WAIT_S else "quota"
    if 400 <= said.status < 500 and b"api_key" in said.body.lower():
        return "auth"
    return None


RULES = VendorRules(
    vendor="sam",
    address_setting="SAM_BASE_URL",
    key_setting="SAM_API_KEY",
    key_place="query:api_key",
    statuses={404: "miss"},
    classify=_kind,
    after_s=_wait_s,
)


def _day(value: Any) -> str | None:
    """A date in ISO 8601, also out of a date with a time; None for what is no date."""
    text = (words(value) or "")[:10]
    try:
        return date.fromisoformat(text).isoformat() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def _codes(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for each in listed(value) if (c := words(each)) and re.fullmatch(r"\d{2,6}", c)))


Day = Annotated[str | None, BeforeValidator(_day)]
Codes = Annotated[tuple[str, ...], BeforeValidator(_codes)]
LongWords = Annotated[str | None, BeforeValidator(lambda value: words(value, 1000))]


class _Named(Lenient):
    code: Words = None
    name: Words = None


_Place = Annotated[_Named, BeforeValidator(members)]


class _Where(Lenient):
    city: _Place = _Named()
    state: _Place = _Named()
    country: _Place = _Named()


class _Notice(Lenient):
    noticeId: str  # noqa: N815 - the vendor's names
    title: LongWords = None
    solicitationNumber: Words = None  # noqa: N815
    fullParentPathName: LongWords = None  # noqa: N815
    department: Words = None
    type: Words = None
    baseType: Words = None  # noqa: N815
    postedDate: Day = None  # noqa: N815
    typeOfSetAside: Words = None  # noqa: N815
    responseDeadLine: Words = None  # noqa: N815
    naicsCode: Words = None  # noqa: N815
    naicsCodes: Codes = ()  # noqa: N815
    active: Flag = None
    placeOfPerformance: Annotated[_Where, BeforeValidator(members)] = _Where()  # noqa: N815
    uiLink: Url = None  # noqa: N815
    description: Url = None


class _Answer(BaseModel):
    totalRecords: int  # noqa: N815
    opportunitiesData: list[Any] | None = None  # noqa: N815


class Opportunities(OneByOne[OpportunityQuery, OpportunityPage]):
    """One page of the notices under a NAICS code. Units are calls, and an empty answer costs one too."""

    async def one(self, query: OpportunityQuery, *, key: str) -> Reply[OpportunityPage]:  # noqa: ARG002
        heard = await self._http.ask("GET", "opportunities/v2/search", params=_parameters(query))
        if heard.kind == "miss":
            return miss("nothing was posted", units=1.0, value=OpportunityPage())
        answer = shaped(_Answer, heard.json if isinstance(heard.json, dict) else {}, RULES.vendor)
        if answer.opportunitiesData is None and answer.totalRecords > 0:
            text = "sam counted notices but sent none (opportunitiesData): its API may have changed"
            raise BadAnswer(text, vendor=RULES.vendor)
        # Each notice has its own record beside it.
        return found(_page(answer), units=1.0, raw={k: v for k, v in heard.json.items() if k != "opportunitiesData"})


def _parameters(query: OpportunityQuery) -> dict[str, str | list[str]]:
    return {
        "postedFrom": _slashed(query.posted_from),
        "postedTo": _slashed(query.posted_to),
        "ncode": query.naics,
        "limit": str(query.limit),
        "offset": str(query.offset // query.limit),
    }


def _slashed(day: str) -> str:
    year, month, rest = day.split("-")
    return f"{month}/{rest}/{year}"


def _page(answer: _Answer) -> OpportunityPage:
    kept: dict[str, FoundOpportunity] = {}
    dropped = 0
    for record in answer.opportunitiesData or ():
        notice = _read(record)
        if notice is None:
            dropped += 1
        else:
            kept.setdefault(notice.notice_id, notice)
    return OpportunityPage(opportunities=tuple(kept.values()), total=max(0, answer.totalRecords), dropped=dropped)


def _read(record: Any) -> FoundOpportunity | None:
    try:
        said = _Notice.model_validate(record)
        return _notice(said, record)
    except ValidationError:
        return None


def _notice(said: _Notice, record: Json) -> FoundOpportunity:
    where = said.placeOfPerformance
    primary = (said.naicsCode,) if said.naicsCode and re.fullmatch(r"\d{2,6}", said.naicsCode) else ()
    return FoundOpportunity(
        notice_id=said.noticeId.strip(),
        solicitation_number=said.solicitationNumber,
        title=said.title or said.solicitationNumber or said.noticeId.strip(),
        agency=said.fullParentPathName or said.department,
        kind=said.type or said.baseType,
        naics=tuple(dict.fromkeys((*primary, *said.naicsCodes))),
        set_aside=said.typeOfSetAside,
        posted_on=said.postedDate,
        deadline_at=said.responseDeadLine,
        active=said.active,
        country=_alpha2(where.country.code),
        state=where.state.code or where.state.name,
        city=where.city.name,
        url=said.uiLink,
        description_url=said.description,
        raw={name: value for name, value in record.items() if name not in _NOT_KEPT},
    )


#: Personal data that nobody here needs, and links to the answer itself.
_NOT_KEPT = frozenset({"pointOfContact", "links"})


def _alpha2(code: str | None) -> str | None:
    """ISO 3166-1 alpha-2 of an alpha-3 code; what is neither stays as it is."""
    upper = (code or "").upper()
    return _ALPHA2.get(upper, upper) or None


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """SAM.gov's look-up. Raises VendorRefused (`vendor_absent`) without SAM_API_KEY."""
    key = usable_key(settings, "sam", "sam_api_key")
    http = VendorClient(
        RULES,
        settings.sam_base_url,
        timeout_s=patience(settings, SPEC),
        key=key,
        max_answer_bytes=MAX_ANSWER_BYTES,
    )
    return [Opportunities(SPEC, http)]


# ISO 3166-1: alpha-3 followed by alpha-2.
_CODES = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE
BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BVTBV BWABW
CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY
CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR
FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU
GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE
JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT
LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ
MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ
OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU
RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK
SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV
TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA
ZMBZM ZWEZW
"""
_ALPHA2 = {word[:3]: word[3:] for word in _CODES.split()}
