"""Documentation that can be compared with the code is compared."""

import re
from pathlib import Path

import pytest

from holdfast.contracts import catalogue
from holdfast.settings import BadSettings, Settings

ROOT = Path(__file__).parents[1]


def documented_settings() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs/reference/settings.md").read_text()
    rows = re.findall(r"^\| `(HOLDFAST_[A-Z0-9_]+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    return {name: (default, meaning) for name, default, meaning in rows}


def test_every_setting_is_documented_with_its_default() -> None:
    expected = {}
    for name, field in Settings.model_fields.items():
        if field.is_required():
            default = "required"
        else:
            default = "none" if field.default is None else f"`{field.default}`"
        expected[f"HOLDFAST_{name.upper()}"] = (default, field.description)

    assert documented_settings() == expected


def test_every_workflow_is_named_to_who_is_on_call() -> None:
    text = (ROOT / "docs/howto/on-call.md").read_text()
    named = set(re.findall(r"^\| `([a-z]+-)…` \| `(\w+)` \|", text, re.MULTILINE))

    assert named == {(contract.prefix, name) for name, contract in catalogue.BY_NAME.items()}


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_bad_settings_name_the_variable_and_never_its_value() -> None:
    with pytest.raises(BadSettings) as problem:
        Settings.from_environment(
            {"HOLDFAST_DATABASE_URL": "postgresql://x", "HOLDFAST_SECRET_KEY": "too short"}
        )

    assert "HOLDFAST_SECRET_KEY" in str(problem.value)
    assert "too short" not in str(problem.value)


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = Settings.from_environment(
        {
            "HOLDFAST_DATABASE_URL": "postgresql://x",
            "HOLDFAST_SECRET_KEY": "k" * 32,
            "HOLDFAST_ONBOARDING_ORGANIZATION": "",
        }
    )

    assert settings.onboarding_organization is None
    assert settings.onboarding == "pending"
