"""Settings of the JetStream sink."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

_SCHEMES = ("nats", "tls")


class StreamSettings(BaseSettings):
    """Where facts go that others consume, and how the stream is made."""

    nats_url: SecretStr | None = Field(
        None,
        description="tenants' facts go here: nats://USER:PASSWORD@HOST:4222, nats://TOKEN@HOST or tls://HOST, comma-separated;"
        " absent: they wait",
    )
    nats_creds: str | None = Field(
        None, min_length=1, max_length=1000, description="a credentials file (JWT and seed), read for each connection"
    )
    nats_nkey: str | None = Field(
        None, min_length=1, max_length=1000, description="a file with the seed of an NKey, read for each connection"
    )
    nats_stream: str = Field(
        "HEADWATER", pattern=r"^[A-Za-z0-9_-]{1,100}$", description="the JetStream stream; made if absent"
    )
    nats_subject_prefix: str = Field(
        "headwater",
        pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        max_length=100,
        description="subjects are PREFIX.TENANT.TYPE",
    )
    nats_timeout_s: float = Field(5.0, gt=0.05, le=60, description="how long NATS may take to answer")
    nats_duplicate_window_s: float = Field(
        120, ge=1, le=86_400, description="of a stream that is made here: for so long it drops an id it has seen"
    )
    nats_max_age_s: float = Field(
        604_800,
        ge=10,
        le=366 * 86_400,
        description="of a stream that is made here: it keeps messages so long, longer than the window",
    )
    nats_replicas: int = Field(1, ge=1, le=5, description="of a stream that is made here")

    @field_validator("nats_url")
    @classmethod
    def _nats_addresses(cls, value: SecretStr | None) -> SecretStr | None:
        for each in value.get_secret_value().split(",") if value else ():
            try:
                parts = urlsplit(each.strip())
                named = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                named = False
            if not named:
                raise ValueError("must be nats://USER:PASSWORD@HOST:PORT or tls://..., comma-separated")
        return value

    @model_validator(mode="after")
    def _outlives(self) -> StreamSettings:
        if self.nats_max_age_s <= self.nats_duplicate_window_s:
            raise ValueError("NATS_MAX_AGE_S must be longer than NATS_DUPLICATE_WINDOW_S")
        return self

    @model_validator(mode="after")
    def _one_login(self) -> StreamSettings:
        in_url = any(urlsplit(each).username for each in self.nats_servers)
        given = [name for name, there in (("NATS_CREDS", self.nats_creds), ("NATS_NKEY", self.nats_nkey)) if there]
        if len(given) + in_url > 1:
            named = " and ".join([*given, *(["a user in NATS_URL"] if in_url else [])])
            raise ValueError(f"{named} are given: NATS is told who we are in one way")
        return self

    @property
    def nats_servers(self) -> list[str]:
        """The addresses, user and password included."""
        given = self.nats_url.get_secret_value() if self.nats_url else ""
        return [each.strip() for each in given.split(",") if each.strip()]
