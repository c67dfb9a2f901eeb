"""The default tenant and its first owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from contracts.errors import Hopeless
from contracts.settings import Settings
from contracts.tenants import Role
from db import access, passwords, tenants
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.inspection.scene import scene_on


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(db_url, name="tests", size=6)
    yield opened
    await opened.close()


def settings(**given: Any) -> Settings:
    return Settings.model_construct(_fields_set=set(given), **{**Settings.model_construct().model_dump(), **given})


async def test_many_processes_start_at_once_and_agree(pool: Pool) -> None:
    # R16
    asked = settings(bootstrap_email="Ada@Example.com", bootstrap_password=SecretStr("correct horse battery"))
    made = await asyncio.gather(*(tenants.ensure_default(pool, asked) for _ in range(6)))
    assert {tenant.slug for tenant in made} == {"well-crafted"}
    assert len({tenant.id for tenant in made}) == 1
    async with transaction(pool, made[0].id) as tx:
        users = await access.list_users(tx, made[0].id)
        assert [(user.email, user.role) for user in users] == [("ada@example.com", Role.OWNER)]
        account = await access.find_user(tx, made[0].id, "ada@example.com")
    assert account is not None
    assert await passwords.matches("correct horse battery", account.password_hash)


async def test_the_owner_is_made_once(pool: Pool) -> None:
    first = settings(bootstrap_email="a@example.com", bootstrap_password=SecretStr("correct horse battery"))
    second = settings(bootstrap_email="b@example.com", bootstrap_password=SecretStr("another password"))
    tenant = await tenants.ensure_default(pool, first)
    await tenants.ensure_default(pool, second)
    async with transaction(pool, tenant.id) as tx:
        assert [user.email for user in await access.list_users(tx, tenant.id)] == ["a@example.com"]


async def test_id_and_slug_may_name_one_tenant(pool: Pool) -> None:
    # R26
    wanted = uuid4()
    made = await tenants.ensure_default(pool, settings(default_tenant_id=wanted, default_tenant_slug="acme"))
    assert (made.id, made.slug) == (wanted, "acme")
    assert await tenants.ensure_default(pool, settings(default_tenant_id=wanted)) == made
    assert await tenants.ensure_default(pool, settings(default_tenant_slug="acme")) == made


@pytest.mark.parametrize(("tenant_id", "slug"), [("a", "b"), ("a", "new"), ("new", "a")])
async def test_id_and_slug_of_different_tenants_are_an_error(pool: Pool, tenant_id: str, slug: str) -> None:
    # R26
    known: dict[str, UUID] = {"new": uuid4()}
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        for name in ("a", "b"):
            known[name] = (await tenants.create(tx, name, by="tests")).id
    asked = settings(default_tenant_id=known[tenant_id], default_tenant_slug=slug)
    with pytest.raises(Hopeless) as refused:
        await tenants.ensure_default(pool, asked)
    assert refused.value.code == "default_tenant_mismatch"
    assert "DEFAULT_TENANT_ID" in refused.value.detail
    assert "DEFAULT_TENANT_SLUG" in refused.value.detail


async def test_an_owner_without_a_password_is_named(pool: Pool) -> None:
    with pytest.raises(Hopeless, match="BOOTSTRAP_PASSWORD"):
        await tenants.ensure_default(pool, settings(bootstrap_email="a@example.com"))


@pytest.mark.parametrize("status", ["paused", "closed"])
async def test_nothing_leaves_the_outbox_of_a_tenant_that_is_not_active(
    db_url: str, status: Literal["paused", "closed"]
) -> None:
    async with scene_on(db_url) as scene:
        await scene.emit()
        await scene.emit(tenant=scene.other)
        async with scene.system() as tx:
            changed = await tenants.set_status(tx, "mine", status, by="tests")
        assert changed is not None
        assert changed.status == status
        assert await scene.dispatch() == 1, "the other tenant's goes on"
        assert [event.status for event in await scene.list_()] == ["pending"]
        async with scene.system() as tx:
            await tenants.set_status(tx, "mine", "active", by="tests")
        assert await scene.dispatch() == 1
