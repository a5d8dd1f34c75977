"""The states of versions and drafts, for people."""

from typing import Final

from holdfast.domain.tariff.life import VersionState
from web.wording import Badge

VERSION: Final = {
    VersionState.SCHEDULED.value: Badge("Scheduled", "wait", "clock"),
    VersionState.IN_FORCE.value: Badge("In force", "good", "check"),
    VersionState.RETIRED.value: Badge("Retired", "calm", "ban"),
    VersionState.WITHDRAWN.value: Badge("Withdrawn", "calm", "ban"),
}
DRAFT: Final = {
    "draft": Badge("Draft", "busy", "tag"),
    "review": Badge("In review", "wait", "clock"),
    "approved": Badge("Approved", "good", "check"),
    "discarded": Badge("Discarded", "calm", "ban"),
}
NO_VERSION: Final = Badge("No version in force", "calm", "question")
