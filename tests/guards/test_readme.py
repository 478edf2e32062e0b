"""The README tells the truth: settings, folders, commands, roles and states."""

import re
from enum import StrEnum

import pytest

from portal.approvals.rules import StepState
from portal.cli import portal
from portal.exchange.rules import MessageState
from portal.foundation.web import ROOT
from portal.identity.rules import ROLE_LABELS
from portal.orders.rules import OrderStatus, Transmission
from portal.receiving.rules import ReceiptState
from portal.requisitions.rules import CheckOutcome, LineState, RequisitionState
from portal.settings import Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
STATES = (
    RequisitionState, LineState, CheckOutcome, StepState,
    OrderStatus, Transmission, ReceiptState, MessageState,
)  # fmt: skip
SHOWN = {"false": "false", "0": "0"}


def row_of_setting(name: str) -> str:
    """The line of the table for a setting, from its default and description."""
    field = Settings.model_fields[name]
    default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    # Empty sets and secrets are shown as nothing.
    shown = "**required**" if field.is_required() else default if field.default and default.strip("*") else ""
    return f"| `PORTAL_{name.upper()}` | {shown or SHOWN.get(default, '')} | {field.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_table(name: str) -> None:
    assert row_of_setting(name) in README.splitlines(), (
        f"put this line into README.md: {row_of_setting(name)}"
    )


@pytest.mark.parametrize("parent", ["portal", "integrations"])
def test_every_folder_stands_on_the_map_and_exists(parent: str) -> None:
    folders = {path.parent.name for path in (ROOT / parent).glob("*/__init__.py")}
    named = set(re.findall(rf"`{parent}/(\w+)/`", README))
    assert named == folders, "correct the map in README.md"


@pytest.mark.parametrize("state", [state for states in STATES for state in states])
def test_every_state_stands_in_the_glossary(state: StrEnum) -> None:
    glossary = README.partition("## Glossary")[2].partition("## Configuration")[0]
    assert state.value.replace("_", " ") in glossary


def test_every_role_stands_in_the_glossary() -> None:
    glossary = README.partition("## Glossary")[2]
    assert [label for label in ROLE_LABELS.values() if label.lower() not in glossary.lower()] == []


def test_every_command_is_explained() -> None:
    assert [name for name in portal.commands if f"`portal {name}" not in README] == []


def test_the_commands_of_make_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", README)) - {"on"} <= targets
