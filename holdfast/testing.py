"""Hand-written fakes: activities under the declared names without a database.

Each keeps what it was told and answers as it was told to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from holdfast.contracts import (
    late_truth,
    network_changes,
    orders,
    password_rotations,
    payments,
    sessions,
    station_certificates,
)
from holdfast.contracts.message import Message

TARIFF_VERSION = UUID("00000000-0000-7000-8000-000000000001")
NOTED = UUID("00000000-0000-7000-8000-000000000002")


class Refusal(ApplicationError):
    """A non-retryable error of the given type, as an activity raises it."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"refused: {kind}", type=kind, non_retryable=True)


@dataclass
class Script:
    """What a fake was asked (`asked`), and answers for the next calls by activity name.

    An answer that is an exception is raised. When the answers are used up, the usual one is given.
    """

    asked: list[tuple[str, Message]] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=dict)

    def take(self, name: str, order: Message, usual: Any) -> Any:
        """Note the order and give the next answer."""
        self.asked.append((name, order))
        waiting = self.answers.get(name)
        answer = waiting.pop(0) if waiting else usual
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def names(self) -> list[str]:
        """The activities asked, in order."""
        return [name for name, _ in self.asked]

    def orders(self, name: str) -> list[Message]:
        """What one activity was asked."""
        return [order for asked, order in self.asked if asked == name]


@dataclass
class SteppedSessions:
    """Sessions activities without a database."""

    script: Script = field(default_factory=Script)
    plan: sessions.SessionPlan = field(
        default_factory=lambda: sessions.SessionPlan(
            final_wait_s=120,
            stop_retry_s=60,
            tariff_version_id=TARIFF_VERSION,
            tripwire_version=1,
        )
    )
    settled: sessions.Settled = field(
        default_factory=lambda: sessions.Settled(
            amount_minor=1234, currency="EUR", energy_wh=20_000, payment_id=UUID(int=7)
        )
    )

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [
            self.begin_session,
            self.check_session,
            self.stop_session,
            self.ask_transaction,
            self.end_session,
            self.cancel_session,
            self.settle_session,
            self.raise_attention,
            self.reprice_session,
            self.note_decision,
        ]

    @activity.defn(name="sessions.begin")
    async def begin_session(self, order: sessions.SessionOrder) -> sessions.SessionPlan:
        answer: sessions.SessionPlan = self.script.take("begin", order, self.plan)
        return answer

    @activity.defn(name="sessions.check")
    async def check_session(self, order: sessions.CheckOrder) -> sessions.Check:
        usual = sessions.Check(verdict="go_on", tripwire_version=order.version + 1)
        answer: sessions.Check = self.script.take("check", order, usual)
        return answer

    @activity.defn(name="sessions.stop")
    async def stop_session(self, order: sessions.StopOrder) -> None:
        self.script.take("stop", order, None)

    @activity.defn(name="sessions.ask")
    async def ask_transaction(self, order: sessions.AskOrder) -> sessions.Asked:
        answer: sessions.Asked = self.script.take("ask", order, sessions.Asked(asked=False))
        return answer

    @activity.defn(name="sessions.end")
    async def end_session(self, order: sessions.EndOrder) -> None:
        self.script.take("end", order, None)

    @activity.defn(name="sessions.cancel")
    async def cancel_session(self, order: sessions.CancelOrder) -> sessions.Cancelled:
        usual = sessions.Cancelled(closed=True)
        answer: sessions.Cancelled = self.script.take("cancel", order, usual)
        return answer

    @activity.defn(name="sessions.settle")
    async def settle_session(self, order: sessions.SettleOrder) -> sessions.Settled:
        answer: sessions.Settled = self.script.take("settle", order, self.settled)
        return answer

    @activity.defn(name="sessions.decide")
    async def note_decision(self, order: sessions.DecisionOrder) -> None:
        self.script.take("decide", order, None)

    @activity.defn(name="sessions.attention")
    async def raise_attention(self, order: sessions.AttentionOrder) -> None:
        self.script.take("attention", order, None)

    @activity.defn(name="sessions.reprice")
    async def reprice_session(self, order: late_truth.LateOrder) -> late_truth.LateResult:
        usual = late_truth.LateResult(difference_minor=0, energy_wh=0, review_opened=False)
        answer: late_truth.LateResult = self.script.take("reprice", order, usual)
        return answer


@dataclass
class SteppedPayments:
    """Payments activities without a provider: each hold is held, each capture captured."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [
            self.hold_payment,
            self.look_at_payment,
            self.capture_payment,
            self.charge_payment,
            self.release_payment,
            self.write_off_payment,
            self.note_payment_decision,
            self.raise_payment_attention,
        ]

    def _take(self, name: str, order: Message, state: str, taken: int = 0) -> payments.PaymentSeen:
        usual = payments.PaymentSeen(state=state, held_minor=6000, captured_minor=taken)
        answer: payments.PaymentSeen = self.script.take(name, order, usual)
        return answer

    @activity.defn(name="payments.hold")
    async def hold_payment(self, order: payments.PaymentOrder) -> payments.PaymentSeen:
        return self._take("hold", order, "held")

    @activity.defn(name="payments.look")
    async def look_at_payment(self, order: payments.PaymentOrder) -> payments.PaymentSeen:
        return self._take("look", order, "held")

    @activity.defn(name="payments.capture")
    async def capture_payment(self, order: payments.CaptureOrder) -> payments.PaymentSeen:
        return self._take("capture", order, "captured", order.amount_minor)

    @activity.defn(name="payments.charge")
    async def charge_payment(self, order: payments.ChargeOrder) -> payments.PaymentSeen:
        return self._take("charge", order, "captured", 1234)

    @activity.defn(name="payments.release")
    async def release_payment(self, order: payments.ReleaseOrder) -> payments.PaymentSeen:
        return self._take("release", order, "released")

    @activity.defn(name="payments.write_off")
    async def write_off_payment(self, order: payments.WriteOffOrder) -> payments.PaymentSeen:
        return self._take("write_off", order, "failed")

    @activity.defn(name="payments.decide")
    async def note_payment_decision(
        self, order: payments.PaymentDecisionOrder
    ) -> payments.DecisionNoted:
        usual = payments.DecisionNoted(audit_id=NOTED)
        answer: payments.DecisionNoted = self.script.take("decide", order, usual)
        return answer

    @activity.defn(name="payments.attention")
    async def raise_payment_attention(self, order: payments.PaymentAttentionOrder) -> None:
        self.script.take("attention", order, None)


@dataclass
class SteppedOrders:
    """Orders activities without a gateway; `send_order` runs on a queue of its own."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker of the shared queue."""
        return [self.locate_station, self.finish_order]

    @activity.defn(name="orders.locate")
    async def locate_station(self, order: orders.OrderRef) -> orders.Whereabouts:
        answer: orders.Whereabouts = self.script.take("locate", order, orders.Whereabouts())
        return answer

    @activity.defn(name="orders.send")
    async def send_order(self, order: orders.SendOrder) -> orders.OrderAnswer:
        usual = orders.OrderAnswer(state="accepted", status="Accepted")
        answer: orders.OrderAnswer = self.script.take("send", order, usual)
        return answer

    @activity.defn(name="orders.finish")
    async def finish_order(self, order: orders.FinishOrder) -> orders.OrderAnswer:
        answer: orders.OrderAnswer = self.script.take(
            "finish", order, orders.OrderAnswer(state=order.state)
        )
        return answer


@dataclass
class SteppedCertificates:
    """Certificates activities without a database: signed at once, taken at once."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [
            self.sign_certificate,
            self.send_certificate,
            self.look_at_request,
            self.end_request,
        ]

    def _take(
        self, name: str, order: Message, state: str, placed: str | None = None
    ) -> station_certificates.RequestSeen:
        usual = station_certificates.RequestSeen(state=state, order=placed)
        answer: station_certificates.RequestSeen = self.script.take(name, order, usual)
        return answer

    @activity.defn(name="certificates.sign")
    async def sign_certificate(
        self, order: station_certificates.RequestOrder
    ) -> station_certificates.RequestSeen:
        return self._take("sign", order, "signed")

    @activity.defn(name="certificates.send")
    async def send_certificate(
        self, order: station_certificates.CertificateOrder
    ) -> station_certificates.RequestSeen:
        return self._take("send", order, "signed", "waiting")

    @activity.defn(name="certificates.look")
    async def look_at_request(
        self, order: station_certificates.CertificateOrder
    ) -> station_certificates.RequestSeen:
        return self._take("look", order, "signed", "accepted")

    @activity.defn(name="certificates.end")
    async def end_request(
        self, order: station_certificates.EndRequest
    ) -> station_certificates.RequestSeen:
        return self._take("end", order, order.state)


@dataclass
class SteppedRotations:
    """Passwords activities without a database: the order waits, and the station does not come."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.send_password, self.look_at_rotation, self.reset_station, self.end_rotation]

    def _take(
        self, name: str, order: Message, state: str, placed: str | None = None
    ) -> password_rotations.RotationSeen:
        usual = password_rotations.RotationSeen(state=state, order=placed)
        answer: password_rotations.RotationSeen = self.script.take(name, order, usual)
        return answer

    @activity.defn(name="passwords.send")
    async def send_password(
        self, order: password_rotations.RotationOrder
    ) -> password_rotations.RotationSeen:
        return self._take("send", order, "pending", "waiting")

    @activity.defn(name="passwords.look")
    async def look_at_rotation(
        self, order: password_rotations.RotationOrder
    ) -> password_rotations.RotationSeen:
        return self._take("look", order, "accepted", "accepted")

    @activity.defn(name="passwords.reset")
    async def reset_station(
        self, order: password_rotations.RotationOrder
    ) -> password_rotations.RotationSeen:
        return self._take("reset", order, "accepted", "accepted")

    @activity.defn(name="passwords.end")
    async def end_rotation(
        self, order: password_rotations.EndRotation
    ) -> password_rotations.RotationSeen:
        return self._take("end", order, "failed")


@dataclass
class SteppedNetwork:
    """Network activities without a database: every order is accepted, the station comes back."""

    script: Script = field(default_factory=Script)

    def activities(self) -> list[Callable[..., Any]]:
        """For the worker."""
        return [self.place_step, self.look_at_change, self.end_change]

    @activity.defn(name="network.step")
    async def place_step(self, order: network_changes.ChangeStep) -> network_changes.ChangeSeen:
        usual = network_changes.ChangeSeen(state="writing", order="waiting", slot=2)
        answer: network_changes.ChangeSeen = self.script.take(order.step, order, usual)
        return answer

    @activity.defn(name="network.look")
    async def look_at_change(self, order: network_changes.ChangeStep) -> network_changes.ChangeSeen:
        usual = network_changes.ChangeSeen(
            state="returning", order="accepted", back=True, active_slot=2, slot=2
        )
        answer: network_changes.ChangeSeen = self.script.take(f"look:{order.step}", order, usual)
        return answer

    @activity.defn(name="network.end")
    async def end_change(self, order: network_changes.EndChange) -> network_changes.ChangeSeen:
        usual = network_changes.ChangeSeen(state=order.state, slot=2)
        answer: network_changes.ChangeSeen = self.script.take("end", order, usual)
        return answer
