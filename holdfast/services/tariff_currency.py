"""Tariffs in another currency than a site's: allowed, and never silently.

A tariff cannot be assigned to a site, a station or an EVSE of another currency. One for the whole
organization can be: a contract may well be in the driver's currency. A station may also move to
another site. What applies then is priced, billed and settled in the tariff's currency; a hold in
another one cannot be captured for it. So no session starts on such a hold (`check_hold`); one whose
tariff turns out so only when it begins has nothing to spend (`tripwires`) and is stopped at once,
and what it cost by then is for a person (`settlement`: uncollectible, review `currency_differs`).
So whoever assigns it is told which sites are meant, and the first session that begins there under
it opens a review task; once per assignment, as nobody wants to be asked of every session.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdfast.domain.finding import Finding, Severity
from holdfast.services.price_terms import choose_for
from holdfast.services.refusal import Conflict
from holdfast.services.scope import belongs, owned
from holdfast.services.tariff_choice import Choice, Place, place_of
from holdfast.store.tables import Payment, ReviewTask, Session, Site, Tariff, TariffAssignment

OTHER_CURRENCY = "other_currency"
SITES_NAMED_MAX = 5


async def assignment_findings(db: AsyncSession, row: TariffAssignment) -> tuple[Finding, ...]:
    """What is unwise about an assignment that was just made: sites of another currency, but those
    with an assignment of their own for the same audience."""
    if place_of(row) is not Place.ORGANIZATION:
        return ()
    currency = await db.scalar(
        owned(Tariff, row.organization_id)
        .where(Tariff.id == row.tariff_id)
        .with_only_columns(Tariff.currency)
    )
    closer = aliased(TariffAssignment)
    own = (
        select(closer.id)
        .where(
            closer.organization_id == row.organization_id,
            closer.site_id == Site.id,
            closer.until_at.is_(None),
            closer.account_id.is_not_distinct_from(row.account_id),
            closer.user_group_id.is_not_distinct_from(row.user_group_id),
            closer.ad_hoc == row.ad_hoc,
        )
        .correlate(Site)
        .exists()
    )
    rows = (
        await db.execute(
            owned(Site, row.organization_id)
            .where(Site.retired_at.is_(None), Site.currency != currency, ~own)
            .with_only_columns(Site.name, Site.currency, func.count().over())
            .order_by(Site.name, Site.id)
            .limit(SITES_NAMED_MAX)
        )
    ).all()
    if not rows:
        return ()
    named = ", ".join(f"{name} ({of_site})" for name, of_site, _ in rows)
    more = rows[0][2] - len(rows)
    detail = (
        f"the tariff is in {currency}, and would be paid at sites of another currency: {named}"
        + (f" and {more} more" if more else "")
    )
    return (Finding(code=OTHER_CURRENCY, detail=detail, severity=Severity.REVIEW),)


async def note_at_start(db: AsyncSession, session: Session, choice: Choice) -> dict[str, Any]:
    """Ask a person about a session's tariff in another currency than its site's, unless they were
    asked of the assignment before. Returns what the timeline says of it."""
    of_site = (session.price_terms or {}).get("site_currency")
    if of_site is None:
        return {}
    currencies = {"tariff_currency": choice.tariff.currency, "site_currency": of_site}
    subject = f"tariff_assignment:{choice.assignment.id}"
    asked_before = await db.scalar(
        select(ReviewTask.id)
        .where(
            belongs(ReviewTask, session.organization_id),
            ReviewTask.kind == OTHER_CURRENCY,
            ReviewTask.subject == subject,
        )
        .limit(1)
    )
    if asked_before is None:
        details = {
            "tariff": choice.tariff.name,
            "tariff_id": str(choice.tariff.id),
            "session_id": str(session.id),
            **currencies,
        }
        await db.execute(
            insert(ReviewTask)
            .values(
                organization_id=session.organization_id,
                kind=OTHER_CURRENCY,
                subject=subject,
                details=details,
            )
            .on_conflict_do_nothing()
        )
    return currencies


async def check_hold(db: AsyncSession, session: Session, payment: Payment, now: datetime) -> None:
    """Of a session that is about to be ordered: what is held could pay for it.

    Raises Conflict where the tariff that applies there now is in another currency: nothing of the
    hold could be captured, and no amount of it is a limit to a cost in another.
    """
    _, choice = await choose_for(db, session, now, ad_hoc=True)
    if choice is not None and choice.tariff.currency != payment.currency:
        raise Conflict(
            f"the payment holds {payment.currency}, and EVSE {session.evse} is priced in "
            f"{choice.tariff.currency}: hold an amount in {choice.tariff.currency}"
        )
