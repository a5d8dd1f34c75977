"""What each role may do. One table, so that a reader sees it all at once."""

from enum import StrEnum


class Permission(StrEnum):
    """Something that a route asks for."""

    READ = "read"
    """Sites, stations, tariffs, sessions, payments, orders, tokens, accounts, review tasks."""

    READ_MESSAGES = "read-messages"
    """Raw OCPP frames and quarantined messages: they may name drivers."""

    READ_AUDIT = "read-audit"
    ADMINISTER = "administer"
    """The organization and its keys."""

    WRITE_NETWORK = "write-network"
    """Sites, stations, and the passwords of stations."""

    WRITE_DRIVERS = "write-drivers"
    """Tokens and accounts."""

    WRITE_TARIFFS = "write-tariffs"
    """Tariffs, drafts of their versions, where they apply, user groups."""

    APPROVE_TARIFFS = "approve-tariffs"
    """Approve or send back a draft that somebody else wrote."""

    COMMAND = "command"
    """Typed orders to stations."""

    OCPP_CALL = "ocpp-call"
    """Any OCPP action, as it is."""

    DECIDE_SESSIONS = "decide-sessions"
    """Force an end, waive, resolve what needs attention."""

    TAKE_PAYMENTS = "take-payments"
    """Ask for a hold before an ad hoc session."""

    DECIDE_PAYMENTS = "decide-payments"
    """Retry or write off."""

    DECIDE_FACTS = "decide-facts"
    """Replay or discard what was quarantined or came too late."""


_READER = {Permission.READ}
_SUPPORT = _READER | {
    Permission.READ_MESSAGES,
    Permission.READ_AUDIT,
    Permission.WRITE_DRIVERS,
    Permission.COMMAND,
    Permission.TAKE_PAYMENTS,
}
_OPERATOR = _SUPPORT | {
    Permission.WRITE_NETWORK,
    Permission.OCPP_CALL,
    Permission.DECIDE_SESSIONS,
    Permission.DECIDE_FACTS,
}
_FINANCE = _READER | {
    Permission.READ_AUDIT,
    Permission.WRITE_TARIFFS,
    Permission.APPROVE_TARIFFS,
    Permission.DECIDE_SESSIONS,
    Permission.TAKE_PAYMENTS,
    Permission.DECIDE_PAYMENTS,
}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "administrator": frozenset(Permission),
    "operator": frozenset(_OPERATOR),
    "finance": frozenset(_FINANCE),
    "support": frozenset(_SUPPORT),
    "read-only": frozenset(_READER),
}
