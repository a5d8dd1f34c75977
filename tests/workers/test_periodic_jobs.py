"""What the workers do now and then must not end what they do all the time."""

from holdfast.settings import Settings
from workers.app import WorkersApp


async def test_a_job_that_a_row_upsets_is_tried_again_and_the_process_lives(
    worker_settings: Settings,
) -> None:
    app, tries = WorkersApp(worker_settings), 0

    async def job() -> bool:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ValueError("a row that nobody thought of")
        app.stop()
        return False

    await app._every(0.01, job)

    assert tries == 3
