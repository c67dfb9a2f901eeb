"""Which vendors the sandbox speaks for. A new one is a module with `OFFERS` and a line here."""

from __future__ import annotations

from worker.providers.sandbox import (
    alerts,
    apollo,
    brightdata,
    clearbit,
    companies_house,
    data_gov_sg,
    google_cse,
    hunter,
    lusha,
    odoo,
    openai,
    pdl,
    register,
    sam,
    tavily,
    trengo,
    whatsapp,
    zerobounce,
)
from worker.providers.sandbox.sites import site
from worker.providers.sandbox.vendor import Offer

OFFERS: tuple[Offer, ...] = (
    *alerts.OFFERS,
    *apollo.OFFERS,
    *brightdata.OFFERS,
    *clearbit.OFFERS,
    *companies_house.OFFERS,
    *data_gov_sg.OFFERS,
    *google_cse.OFFERS,
    *hunter.OFFERS,
    *lusha.OFFERS,
    *odoo.OFFERS,
    *openai.OFFERS,
    *pdl.OFFERS,
    *register.OFFERS,
    *sam.OFFERS,
    *tavily.OFFERS,
    *trengo.OFFERS,
    *whatsapp.OFFERS,
    *zerobounce.OFFERS,
)

__all__ = ["OFFERS", "site"]
