"""Whose turn it is, without a socket: one at a time, by urgency, then by age; nobody is lost."""

import asyncio

import pytest

from gateway.turns import TooManyTurns, Turns


class Line:
    """People who want a turn, and what happened."""

    def __init__(self, waiting_max: int = 8) -> None:
        self.turns = Turns(waiting_max)
        self.had: list[str] = []
        self.at_once = 0
        self.at_most = 0

    async def take(self, name: str, priority: int, age: int = 0) -> None:
        async with self.turns.taken(priority, age):
            self.at_once += 1
            self.at_most = max(self.at_most, self.at_once)
            await asyncio.sleep(0)
            self.had.append(name)
            self.at_once -= 1


async def tasks_of(line: Line, *wanted: tuple[str, int, int]) -> list[asyncio.Task[None]]:
    """Each in line, in this order."""
    tasks = []
    for name, priority, age in wanted:
        tasks.append(asyncio.create_task(line.take(name, priority, age)))
        await asyncio.sleep(0)
    return tasks


async def test_turns_go_by_urgency_then_age_then_arrival_and_one_at_a_time() -> None:
    line = Line()
    async with line.turns.taken(5):
        tasks = await tasks_of(
            line,
            ("young", 5, 9),
            ("old", 5, 1),
            ("usual", 5, 0),
            ("usual too", 5, 0),
            ("urgent and young", 1, 99),
        )
        assert line.had == []
    await asyncio.gather(*tasks)

    assert line.had == ["urgent and young", "usual", "usual too", "old", "young"]
    assert line.at_most == 1


async def test_so_many_wait_and_the_next_is_turned_away_until_one_has_left() -> None:
    line = Line(waiting_max=2)
    async with line.turns.taken(5):
        first, second = await tasks_of(line, ("first", 5, 1), ("second", 5, 2))
        with pytest.raises(TooManyTurns):
            await line.take("third", 9)
        first.cancel()
        await asyncio.wait([first])
        (third,) = await tasks_of(line, ("third", 5, 3))
    await asyncio.gather(second, third)

    assert line.had == ["second", "third"]


async def test_where_too_many_wait_the_last_in_line_is_turned_away_and_not_the_last_to_come() -> (
    None
):
    line = Line(waiting_max=2)
    async with line.turns.taken(5):
        usual, young, urgent = await tasks_of(line, ("usual", 5, 1), ("young", 5, 9), ("now", 1, 5))
        with pytest.raises(TooManyTurns):
            await young
    await asyncio.gather(usual, urgent)

    assert line.had == ["now", "usual"]


async def test_who_leaves_in_the_moment_that_it_is_given_the_turn_passes_it_on() -> None:
    line = Line()
    async with line.turns.taken(5):
        first, second = await tasks_of(line, ("first", 5, 1), ("second", 5, 2))
    # `first` has been given the turn, and has not run yet.
    first.cancel()
    await asyncio.wait([first])
    await asyncio.wait_for(second, 20)

    assert line.had == ["second"]
    await asyncio.wait_for(line.take("later", 9), 20)


async def test_a_turn_that_ends_in_an_error_is_over() -> None:
    line = Line()

    with pytest.raises(RuntimeError):
        async with line.turns.taken(1):
            raise RuntimeError
    await asyncio.wait_for(line.take("next", 9), 20)

    assert line.had == ["next"]
