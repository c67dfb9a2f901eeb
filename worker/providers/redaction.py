"""Keys never reach a log line, an error or a stored answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from pydantic import SecretStr

_IN_URL = re.compile(r"(?i)([?&;](?:api[_-]?key|apikey|key|token|access_token|secret|password|auth)=)[^&\s\"'#]+")
_IN_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization\b\W{1,4}(?:bearer|basic)?|bearer|x-api-key\W{1,4})(\s*)[\w.~+/=-]{6,}"
)
_USER_INFO = re.compile(r"(://)[^/@\s]+@")


class Redactor:
    """Blanks given secrets, and whatever looks like a key in a URL or header."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._secrets = [text for s in secrets if (text := s.get_secret_value())]

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return shapes(text)

    @staticmethod
    def log_filter(record: logging.LogRecord) -> bool:
        """A logging filter: httpx logs every URL, and some vendors want their key in it."""
        record.msg, record.args = shapes(record.getMessage()), None
        return True


def shapes(text: str) -> str:
    """`text` without the values of key-like query parameters, authorization headers and user:password@."""
    text = _IN_URL.sub(r"\1***", text)
    text = _IN_HEADER.sub(r"\1\2***", text)
    return _USER_INFO.sub(r"\1***@", text)
