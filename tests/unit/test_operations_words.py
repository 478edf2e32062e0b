"""Durations and changes as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.audit import AuditEvent
from portal.identity.rules import ROLE_PERMISSIONS, Role
from portal.operations.message_page import received_text
from portal.operations.rules import ITEM_LABELS, in_words, visible_kinds
from portal.operations.words import changes, duration, listed, since

FIRST = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0 ms"),
        (0.85, "850 ms"),
        (1.0, "1.0 s"),
        (9.94, "9.9 s"),
        (12, "12 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86_400, "1 d"),
        (4 * 86_400 + 3 * 3600 + 59, "4 d 3 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_distances_from_the_first_step() -> None:
    assert since(FIRST, FIRST) == "start"
    assert since(FIRST, FIRST + timedelta(seconds=185)) == "+3 min 5 s"
    assert since(FIRST, FIRST - timedelta(seconds=1)) == "start"


def test_changes_name_what_was_and_what_is() -> None:
    event = AuditEvent(
        before={"state": "needs_attention", "note": "kept", "gone": 1},
        after={"state": "done", "note": "kept", "lines": {"1": "approved"}, "ids": [1, 2], "text": ""},
    )
    assert changes(event) == (
        "state: needs attention → done; note: kept; lines: 1 approved; ids: 1, 2; text: –; gone: 1 → –"
    )


def test_long_values_are_cut() -> None:
    assert listed({"cause": "x" * 500}) == f"cause: {'x' * 119}…"


def test_names_in_words() -> None:
    assert in_words("purchase_order") == "Purchase order"
    assert in_words("receipt.posted_to_erp") == "Receipt: posted to erp"


def test_the_secret_of_a_received_document_is_covered() -> None:
    document = '<Sender><SharedSecret type="clear">open\nsesame</SharedSecret></Sender>'
    covered = '<Sender><SharedSecret type="clear">***</SharedSecret></Sender>'
    assert received_text(document.encode()) == covered
    assert received_text(("\ufeff" + document).encode("utf-16-le")).endswith(covered)
    assert received_text(b"\xff\x00<a/>") == "\ufffd<a/>"
    assert received_text(None) == ""


def test_every_kind_of_work_item_has_a_label_and_somebody_who_sees_it() -> None:
    assert set(ITEM_LABELS) == set(WorkItemKind)
    for role, permissions in ROLE_PERMISSIONS.items():
        person = Actor(1, role, 1, (Grant(permissions),))
        assert bool(visible_kinds(person)) == (Permission.RESOLVE_WORK_ITEMS in permissions), role
    engineer = Actor(1, "", 1, (Grant(ROLE_PERMISSIONS[Role.INTEGRATION_ENGINEER]),))
    assert visible_kinds(engineer) == set(WorkItemKind)
