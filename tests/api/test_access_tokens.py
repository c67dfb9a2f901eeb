"""Access tokens under attack: whatever was not signed by us, or is no longer true, opens nothing."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, JWT_SECRET, Served, email

KEY = JWT_SECRET


def claims_of(api: Served, who: Role = Role.OWNER, /, **changes: Any) -> dict[str, Any]:
    token = api.login(who)["accessToken"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return {name: value for name, value in (claims | changes).items() if value is not None}


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = ({"alg": algorithm, "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


def code(api: Served, token: str) -> str | None:
    answer = api.client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    found: str | None = answer.json().get("code")
    return found


def test_the_true_token_opens(shared_api: Served) -> None:
    assert code(shared_api, jwt.encode(claims_of(shared_api), KEY, "HS256")) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256"])
def test_unsigned(shared_api: Served, algorithm: str) -> None:
    # S2.16
    assert code(shared_api, unsigned(claims_of(shared_api), algorithm)) == "invalid_token"


@pytest.mark.parametrize(("key", "algorithm"), [(KEY, "HS512"), (KEY, "HS384"), ("x" * 80, "HS256")])
def test_signed_otherwise(shared_api: Served, key: str, algorithm: str) -> None:
    assert code(shared_api, jwt.encode(claims_of(shared_api), key, algorithm)) == "invalid_token"


def test_expired(shared_api: Served) -> None:
    token = jwt.encode(claims_of(shared_api, exp=datetime.now(UTC) - timedelta(seconds=1)), KEY, "HS256")
    assert code(shared_api, token) == "token_expired"


@pytest.mark.parametrize("claim", ["sub", "tid", "sid", "exp", "iat", "jti", "iss", "role"])
def test_a_claim_missing(shared_api: Served, claim: str) -> None:
    assert (
        code(shared_api, jwt.encode(claims_of(shared_api, Role.OWNER, **{claim: None}), KEY, "HS256"))
        == "invalid_token"
    )


@pytest.mark.parametrize("value", ["", "x", 7, [], "00000000-0000-0000-0000"])
def test_a_claim_of_another_shape(shared_api: Served, value: object) -> None:
    assert code(shared_api, jwt.encode(claims_of(shared_api, tid=value), KEY, "HS256")) == "invalid_token"


def test_a_session_does_not_count_in_another_tenant(shared_api: Served) -> None:
    # R18
    token = jwt.encode(claims_of(shared_api, tid=str(shared_api.tenants[ABROAD].id)), KEY, "HS256")
    assert code(shared_api, token) == "session_over"


def test_a_session_does_not_count_for_another_user(shared_api: Served) -> None:
    other = shared_api.rows("SELECT id FROM users WHERE email = $1", email(Role.VIEWER))[0]["id"]
    assert code(shared_api, jwt.encode(claims_of(shared_api, sub=str(other)), KEY, "HS256")) == "session_over"


def test_the_role_is_the_one_of_now(api: Served) -> None:
    # S2.16: what the token claims about the role is not believed
    token = jwt.encode(claims_of(api, Role.VIEWER, role="owner"), KEY, "HS256")
    headers = {"Authorization": f"Bearer {token}"}
    assert api.client.get("/v1/auth/me", headers=headers).json()["role"] == "viewer"
    assert api.client.get("/v1/keys", headers=headers).status_code == 403
    api.rows("UPDATE users SET role = 'owner' WHERE email = $1", email(Role.VIEWER))
    assert api.client.get("/v1/keys", headers=headers).status_code == 200


def test_a_closed_tenant_is_shut_at_once(api: Served) -> None:
    token = api.login()["accessToken"]
    api.rows("UPDATE tenants SET status = 'closed' WHERE slug = $1", HOME)
    assert code(api, token) == "session_over"
    assert code(api, api.keys[HOME][Role.OWNER]) == "invalid_key"
    assert code(api, api.keys[ABROAD][Role.OWNER]) is None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer  x", "Basic b3duZXI6cGFzc3dvcmQ=", "Bearer a.b.c", "Bearer " + "x" * 5000]
)
def test_no_token_at_all(shared_api: Served, header: str) -> None:
    answer = shared_api.client.get("/v1/auth/me", headers={"Authorization": header})
    assert answer.status_code == 401
