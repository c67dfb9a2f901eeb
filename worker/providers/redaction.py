"""Keys and people's data never reach a log line or an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from pydantic import SecretStr

from contracts.errors import HeadwaterError

_IN_URL = re.compile(r"(?i)([?&;](?:api[_-]?key|apikey|key|token|access_token|secret|password|auth)=)[^&\s\"'#]+")
_IN_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization\b\W{1,4}(?:bearer|basic)?|bearer|x-api-key\W{1,4})(\s*)[\w.~+/=-]{6,}"
)
#: Who is asked about, in a URL: look-ups by GET carry names and addresses there, and every URL is logged.
_ABOUT = re.compile(
    r"(?i)([?&;](?:email|first_name|last_name|full_name|name|linkedin_handle|linkedin_url|profile|phone)=)[^&\s\"'#]+"
)
_ADDRESS = re.compile(r"[\w.+'-]{1,64}(?:@|%40)(?=[\w-]+\.)")
_USER_INFO = re.compile(r"(://)[^/@\s]+@")


#: A word shorter than this says nothing about anybody, and blanking it would spoil the sentence.
_MIN_WORD = 3


class Redactor:
    """Blanks given secrets, and whatever looks like a key in a URL or header, or like somebody's address."""

    #: Paths that are secrets themselves (webhooks): httpx logs every URL.
    _paths: ClassVar[set[str]] = set()

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._secrets = [text for s in secrets if (text := s.get_secret_value())]

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return shapes(text)

    @classmethod
    def hide(cls, path: SecretStr) -> None:
        """Keep `path` out of every URL that is logged from now on."""
        cls._paths.add(path.get_secret_value())

    @staticmethod
    def log_filter(record: logging.LogRecord) -> bool:
        """A logging filter: httpx logs every URL, and some vendors want their key in it."""
        text = record.getMessage()
        for path in sorted(Redactor._paths, key=len, reverse=True):
            text = text.replace(path, "/***")
        record.msg, record.args = shapes(text), None
        return True


def shapes(text: str) -> str:
    """`text` without the values of key-like and personal query parameters, authorization headers, user:password@ and the
    local parts of e-mail addresses.
    """
    text = _IN_URL.sub(r"\1***", text)
    text = _ABOUT.sub(r"\1***", text)
    text = _IN_HEADER.sub(r"\1\2***", text)
    return _ADDRESS.sub("***@", _USER_INFO.sub(r"\1***@", text))


def unnamed(text: str, words: Iterable[str]) -> str:
    """`text` without `words`, in any case: what we sent about a person, and a vendor may repeat."""
    known = sorted({word for word in words if len(word) >= _MIN_WORD}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, known)), "…", text, flags=re.IGNORECASE) if known else text


@contextmanager
def unnaming(words: Iterable[str]) -> Iterator[None]:
    """Errors raised inside lose `words`."""
    try:
        yield
    except HeadwaterError as error:
        error.detail = unnamed(error.detail, words)
        error.args = (error.detail,)
        raise
