"""Which vendors the sandbox speaks for. A new one is a module with `OFFERS` and a line here."""

from __future__ import annotations

from worker.providers.sandbox import apollo, data_gov_sg, trengo, whatsapp
from worker.providers.sandbox.vendor import Offer
from worker.providers.sandbox.world import World

OFFERS: tuple[Offer, ...] = (
    *apollo.OFFERS,
    *data_gov_sg.OFFERS,
    *trengo.OFFERS,
    *whatsapp.OFFERS,
)


def site(_world: World, _host: str) -> Offer | None:
    """The site of the world at `host`, None when no company has it: then the request is for a vendor."""
    return None
