"""The state of a station's link: delay, jitter, bandwidth, answers that get lost on the way."""

import asyncio
import random
from dataclasses import dataclass

DELAY_S_MAX = 120.0
CHUNK_S_MAX = 60.0


@dataclass(slots=True)
class Weather:
    """Fair by default. Seconds, and bytes per second each way; 0 bytes per second is no limit."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    drop_answers: int = 0

    @property
    def is_fair(self) -> bool:
        """Nothing is slowed down."""
        return not (self.delay_s or self.jitter_s or self.bytes_per_s)

    async def carry(self, size: int, rng: random.Random) -> None:
        """Take as long as this frame takes."""
        if self.is_fair:
            return
        wait_s = self.delay_s + rng.uniform(0, self.jitter_s)
        if self.bytes_per_s:
            wait_s += min(size / self.bytes_per_s, CHUNK_S_MAX)
        await asyncio.sleep(min(wait_s, DELAY_S_MAX))

    def loses_answer(self) -> bool:
        """Whether the answer that comes now is lost."""
        if self.drop_answers <= 0:
            return False
        self.drop_answers -= 1
        return True
