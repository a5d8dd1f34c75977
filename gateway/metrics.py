"""Figures of one gateway process, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class GatewayMetrics:
    """Labels come from tables of ours, never from what a station sends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "holdfast_gateway_connections", "Open sockets", ["protocol"], registry=registry
        )
        self.frames = Counter(
            "holdfast_gateway_frames", "Frames received", ["action"], registry=registry
        )
        self.refused = Counter(
            "holdfast_gateway_refused", "Upgrades refused", ["status"], registry=registry
        )
        self.security_events = Counter(
            "holdfast_gateway_security_events",
            "Security events that the gateway itself saw",
            ["name"],
            registry=registry,
        )
        self.batch_size = Histogram(
            "holdfast_gateway_batch_size",
            "Messages per transaction",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "holdfast_gateway_commit_seconds",
            "Time of one batch, commit included",
            buckets=SECONDS,
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "holdfast_gateway_answer_seconds",
            "From receipt to the answer of a recorded message",
            buckets=SECONDS,
            registry=registry,
        )
        self.totals = Counter(
            "holdfast_gateway_totals", "Ends that waited for a total", ["result"], registry=registry
        )
        self.queue = Gauge(
            "holdfast_gateway_queue", "Messages that wait to be written", registry=registry
        )
        self.quarantined = Counter(
            "holdfast_gateway_quarantined", "Messages kept aside", registry=registry
        )
        self.unstorable = Counter(
            "holdfast_gateway_unstorable",
            "Messages that even the quarantine refused: not answered",
            registry=registry,
        )
        self.write_failures = Counter(
            "holdfast_gateway_write_failures", "Batches to be tried again", registry=registry
        )
        self.lines_dropped = Counter(
            "holdfast_gateway_log_lines_dropped", "Log lines lost", registry=registry
        )
        self.late_answers = Counter(
            "holdfast_gateway_late_answers", "Answers to no open call", registry=registry
        )
        self.calls = Counter(
            "holdfast_gateway_calls", "Calls to stations by result", ["result"], registry=registry
        )
