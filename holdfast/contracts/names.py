"""Names that several processes must agree on: task queues, workflow ids, search attributes."""

from uuid import UUID

from temporalio.common import SearchAttributeKey

NOTIFY_CHANNEL = "holdfast"  # something changed: its topics are the payload
QUIRKS_CHANNEL = "holdfast_quirks"  # rules of quirks were changed
CONNECTIONS_CHANNEL = "holdfast_connections"  # payload: "<station uuid> <generation>"
REPLAY_CHANNEL = "holdfast_replay"  # a quarantined message is to be tried again: its id

SESSIONS_QUEUE = "sessions"
PAYMENTS_QUEUE = "payments"
ORDERS_QUEUE = "orders"
TARIFFS_QUEUE = "tariffs"

ORGANIZATION = SearchAttributeKey.for_keyword("Organization")
SITE = SearchAttributeKey.for_keyword("Site")
STATION = SearchAttributeKey.for_keyword("Station")
SESSION_STATE = SearchAttributeKey.for_keyword("SessionState")
PAYMENT_STATE = SearchAttributeKey.for_keyword("PaymentState")
ATTENTION = SearchAttributeKey.for_keyword("Attention")


def session_workflow_id(session_id: UUID) -> str:
    """The ChargingSession of a session."""
    return f"session-{session_id}"


def payment_workflow_id(payment_id: UUID) -> str:
    """The Payment of a payment row."""
    return f"payment-{payment_id}"


def order_workflow_id(order_id: UUID) -> str:
    """The StationOrder of an order row."""
    return f"order-{order_id}"


def certificate_workflow_id(request_id: UUID) -> str:
    """The StationCertificate of a certificate request's row."""
    return f"cert-{request_id}"


def password_workflow_id(rotation_id: UUID) -> str:
    """The PasswordRotation of its row."""
    return f"password-{rotation_id}"


def network_workflow_id(change_id: UUID) -> str:
    """The NetworkProfile of a network change's row."""
    return f"network-{change_id}"


def late_truth_workflow_id(session_id: UUID) -> str:
    """The LateTruth of a session whose own workflow has closed."""
    return f"late-{session_id}"


def publication_workflow_id(publication_id: UUID) -> str:
    """The TariffPublication of its row."""
    return f"publication-{publication_id}"


def simulation_workflow_id(simulation_id: UUID) -> str:
    """The TariffSimulation of its row."""
    return f"simulation-{simulation_id}"


def spot_feed_workflow_id(feed_id: UUID) -> str:
    """The SpotPriceFeed of its row."""
    return f"spot-{feed_id}"


def gateway_queue(gateway_id: str, boot_id: UUID) -> str:
    """The task queue of one gateway process. The boot is in the name, so that a restarted
    gateway never takes a call for a socket that it no longer holds."""
    return f"gw.{gateway_id}.{boot_id}"
