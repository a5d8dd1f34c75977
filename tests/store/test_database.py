"""The way to Postgres that every process opens."""

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from holdfast.store.database import open_engine


async def test_an_error_does_not_repeat_the_values_of_its_statement(database_url: str) -> None:
    engine = open_engine(SecretStr(database_url), pool_size=1)

    with pytest.raises(DBAPIError) as raised:
        async with engine.connect() as connection:
            await connection.execute(
                text("SELECT 1 / (length(:name) - length(:name))"), {"name": "Erika Mustermann"}
            )
    await engine.dispose()

    assert "division by zero" in str(raised.value)
    assert "Mustermann" not in str(raised.value)
