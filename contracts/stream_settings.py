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
        description="tenants' facts go here: nats://USER:PASSWORD@HOST:4222 or tls://HOST, comma-separated; absent: they wait",
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

    @property
    def nats_servers(self) -> list[str]:
        """The addresses, user and password included."""
        given = self.nats_url.get_secret_value() if self.nats_url else ""
        return [each.strip() for each in given.split(",") if each.strip()]
