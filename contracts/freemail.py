"""Mail providers and throw-away mailboxes: their domains are everybody's, and never tell a company."""

from __future__ import annotations

_FREE = """
gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.co.in yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.com.br
yahoo.com.sg ymail.com rocketmail.com
hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es outlook.com outlook.fr outlook.de live.com
live.co.uk live.nl live.fr msn.com
aol.com aim.com icloud.com me.com mac.com proton.me protonmail.com pm.me tutanota.com tuta.com fastmail.com hey.com
zoho.com yandex.ru yandex.com
mail.ru bk.ru list.ru inbox.ru rambler.ru gmx.de gmx.net gmx.com gmx.at gmx.ch web.de t-online.de freenet.de arcor.de
1und1.de posteo.de mailbox.org
orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr libero.it virgilio.it tin.it alice.it tiscali.it
tiscali.co.uk btinternet.com
sky.com virginmedia.com talktalk.net ntlworld.com blueyonder.co.uk ziggo.nl kpnmail.nl xs4all.nl planet.nl hetnet.nl
telenet.be skynet.be
telia.com bredband.net wp.pl o2.pl onet.pl interia.pl seznam.cz centrum.cz abv.bg ukr.net comcast.net verizon.net
att.net sbcglobal.net bellsouth.net
cox.net charter.net earthlink.net optonline.net juno.com rogers.com shaw.ca sympatico.ca bigpond.com optusnet.com.au
iinet.net.au xtra.co.nz
mweb.co.za telkomsa.net vodamail.co.za webmail.co.za iafrica.com absamail.co.za lantic.net singnet.com.sg
starhub.net.sg pacific.net.sg rediffmail.com
qq.com 163.com 126.com sina.com sina.cn sohu.com foxmail.com naver.com daum.net hanmail.net uol.com.br bol.com.br
terra.com.br ig.com.br
"""
_THROW_AWAY = """
mailinator.com guerrillamail.com guerrillamail.net sharklasers.com 10minutemail.com tempmail.com temp-mail.org
yopmail.com trashmail.com
throwawaymail.com getnada.com maildrop.cc dispostable.com fakeinbox.com mintemail.com mohmal.com emailondeck.com
spamgourmet.com mailnesia.com
mytemp.email tempail.com discard.email burnermail.io
"""
SHARED_DOMAINS = frozenset((_FREE + _THROW_AWAY).split())


def is_shared(domain: str) -> bool:
    """Whether a domain is a mail provider's, itself or a part of it."""
    labels = domain.strip().lower().rstrip(".").split(".")
    return any(".".join(labels[n:]) in SHARED_DOMAINS for n in range(len(labels) - 1))
