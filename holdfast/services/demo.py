"""Seed the demo organization, so often as one likes: what is there stays as it is.

Passwords are derived from the installation's secret, so that the fleet can be described again
after a restart although the database holds only their hashes.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

import stripe
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import api_keys, demo_network
from holdfast.services.demo_network import DemoStation
from holdfast.services.demo_tariffs import seed_tariffs
from holdfast.services.passwords import hash_password
from holdfast.store.tables import (
    Account,
    ApiKey,
    Connector,
    Evse,
    Organization,
    Site,
    Station,
    Token,
)

SEED_LOCK = 0x44656D6F  # any number; two seeds take turns
TOKENS_PER_STATION = 8
DEMO_CARD = "pm_card_visa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """An administrator's key that works, and the fleet in the form its simulator reads."""

    api_key: str
    fleet: dict[str, Any]
    organization_id: UUID


async def seed(
    db: AsyncSession, secret_key: str, *, api_key: str | None = None, network: bool = True
) -> Demo:
    """Make what is missing of the demo organization. The caller commits.

    `api_key`: a key that must go on working, from an earlier run. Without `network` there is only
    the organization and the key.
    """
    await db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEED_LOCK})
    await db.execute(
        upsert(Organization)
        .values(slug=demo_network.SLUG, name=demo_network.NAME)
        .on_conflict_do_nothing()
    )
    organization_id = await db.scalar(
        select(Organization.id).where(Organization.slug == demo_network.SLUG)
    )
    if organization_id is None:
        raise RuntimeError("the demo organization was just inserted and is not there")
    key = await _administrator_key(db, secret_key, organization_id, api_key)
    if network:
        sites = await _sites(db, organization_id)
        for station in demo_network.STATIONS:
            await _station(db, secret_key, organization_id, sites[station.site], station)
        await _drivers(db, organization_id)
        await seed_tariffs(db, organization_id, sites)
    return Demo(
        api_key=key,
        fleet=_fleet(secret_key) if network else {"stations": []},
        organization_id=organization_id,
    )


async def attach_demo_cards(db: AsyncSession, client: stripe.StripeClient) -> int:
    """Give every card account of the demo a customer with a test card; returns how many got one.

    The idempotency keys come from the account, so that a repeat after a crash finds the same
    customer. The caller commits.
    """
    accounts = (
        await db.scalars(
            select(Account)
            .join(Organization, Organization.id == Account.organization_id)
            .where(
                Organization.slug == demo_network.SLUG,
                Account.billing == "card",
                Account.stripe_payment_method.is_(None),
            )
            .order_by(Account.id)
        )
    ).all()
    for account in accounts:
        customer = await client.v1.customers.create_async(
            {"metadata": {"account_id": str(account.id)}},
            {"idempotency_key": f"demo:{account.id}:customer:1"},
        )
        card = await client.v1.payment_methods.attach_async(
            DEMO_CARD,
            {"customer": customer.id},
            {"idempotency_key": f"demo:{account.id}:attach:1"},
        )
        await db.execute(
            update(Account)
            .where(Account.id == account.id)
            .values(
                stripe_customer=customer.id,
                stripe_payment_method=card.id,
                card_brand=card.card.brand if card.card else None,
                card_last4=card.card.last4 if card.card else None,
            )
        )
    return len(accounts)


def station_password(secret_key: str, identity: str) -> str:
    """The password that a demo station is made with: 20 characters, the same on every run."""
    return _derived(secret_key, f"station {identity}", 15)


def _derived(secret_key: str, purpose: str, length_bytes: int) -> str:
    key = blake2b(secret_key.encode(), digest_size=32).digest()
    digest = blake2b(purpose.encode(), key=key, digest_size=length_bytes, person=b"demo").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def _administrator_key(
    db: AsyncSession, secret_key: str, organization_id: UUID, known: str | None
) -> str:
    """The known key, else the one of every run; a new one where that was revoked."""
    api_key = known or api_keys.KEY_PREFIX + _derived(secret_key, "administrator", 32)
    row = await db.scalar(
        select(ApiKey).where(ApiKey.key_hash == api_keys.hash_key(secret_key, api_key))
    )
    if row is not None and row.revoked_at is None and row.organization_id == organization_id:
        return api_key
    if row is not None:
        api_key = api_keys.new_key()
    await api_keys.register_key(
        db,
        secret_key,
        organization_id,
        name="Demo administrator",
        role="administrator",
        api_key=api_key,
    )
    return api_key


async def _sites(db: AsyncSession, organization_id: UUID) -> dict[str, UUID]:
    rows = await db.execute(
        select(Site.name, Site.id).where(Site.organization_id == organization_id).order_by(Site.id)
    )
    known = {name: site_id for name, site_id in rows}
    for site in demo_network.SITES:
        if site.name in known:
            continue
        known[site.name] = (
            await db.execute(
                insert(Site)
                .values(
                    organization_id=organization_id,
                    name=site.name,
                    address=site.address,
                    city=site.city,
                    country=site.country,
                    time_zone=site.time_zone,
                    currency=demo_network.CURRENCY,
                )
                .returning(Site.id)
            )
        ).scalar_one()
    return known


async def _station(
    db: AsyncSession, secret_key: str, organization_id: UUID, site_id: UUID, station: DemoStation
) -> None:
    """A station that is there keeps all it has: its password may have been rotated since."""
    password = station_password(secret_key, station.identity)
    station_id = (
        await db.execute(
            upsert(Station)
            .values(
                organization_id=organization_id,
                site_id=site_id,
                identity=station.identity,
                name=station.name,
                registration="accepted",
                subprotocol=station.protocol,
                password_hash=hash_password(secret_key, password),
            )
            .on_conflict_do_nothing()
            .returning(Station.id)
        )
    ).scalar_one_or_none()
    if station_id is None:
        return
    for number in range(1, station.evses + 1):
        await db.execute(
            insert(Evse).values(
                organization_id=organization_id,
                station_id=station_id,
                number=number,
                max_power_w=station.max_power_w,
                current_type=station.current_type,
            )
        )
        for plug, standard in enumerate(station.connectors, start=1):
            await db.execute(
                insert(Connector).values(
                    organization_id=organization_id,
                    station_id=station_id,
                    evse=number,
                    number=plug,
                    standard=standard,
                )
            )


async def _drivers(db: AsyncSession, organization_id: UUID) -> None:
    rows = await db.execute(
        select(Account.email, Account.id).where(Account.organization_id == organization_id)
    )
    known = {email: account_id for email, account_id in rows}
    for account in demo_network.ACCOUNTS:
        if account.email not in known:
            known[account.email] = (
                await db.execute(
                    insert(Account)
                    .values(
                        organization_id=organization_id,
                        name=account.name,
                        email=account.email,
                        billing=account.billing,
                    )
                    .returning(Account.id)
                )
            ).scalar_one()
    await _tokens(db, organization_id, known)


async def _tokens(
    db: AsyncSession, organization_id: UUID, known: Mapping[str | None, UUID]
) -> None:
    tokens: list[dict[str, Any]] = [
        {
            "uid": demo_network.token_uid(number),
            "account_id": known[account.email],
            "status": "accepted",
            "visual_number": f"DEMO-{number:04}",
        }
        for number, account in enumerate(demo_network.token_accounts(), start=1)
    ]
    spare = known[demo_network.ACCOUNTS[0].email]
    tokens += [
        {"uid": uid, "account_id": spare, "status": status, "visual_number": None}
        for uid, status in (
            (demo_network.BLOCKED_TOKEN, "blocked"),
            (demo_network.EXPIRED_TOKEN, "expired"),
        )
    ]
    await db.execute(
        upsert(Token)
        .values(
            [
                {
                    "organization_id": organization_id,
                    "type": "RFID",
                    "changed_at": func.now(),
                    **row,
                }
                for row in tokens
            ]
        )
        .on_conflict_do_nothing()
    )


def _fleet(secret_key: str) -> dict[str, Any]:
    uids = [
        demo_network.token_uid(number)
        for number in range(1, len(demo_network.token_accounts()) + 1)
    ]
    return {
        "tokens": uids,
        "stations": [
            {
                "identity": station.identity,
                "protocol": station.protocol,
                "vendor": station.vendor,
                "model": station.model,
                "firmware": station.firmware,
                "password": station_password(secret_key, station.identity),
                "evses": [
                    {
                        "connectors": len(station.connectors),
                        "max_power_w": station.max_power_w,
                        "current_type": station.current_type,
                    }
                ]
                * station.evses,
                "tokens": [
                    uids[(index * 5 + offset) % len(uids)] for offset in range(TOKENS_PER_STATION)
                ],
            }
            for index, station in enumerate(demo_network.STATIONS)
        ],
    }
