"""SMART scopes: both syntaxes, what is asked for, what a grant allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.ehr.smart.scopes import LETTERS, launch_scope, read_scopes, system_scope, write_scope
from integrations.ehr.smart.vendors import VENDORS

LEVELS = st.sampled_from(["patient", "user", "system"])
TYPES = st.sampled_from(["Patient", "Encounter", "Device", "*"])
ACTIONS = st.lists(st.sampled_from(LETTERS), min_size=1, unique=True).map(
    lambda letters: "".join(sorted(letters, key=LETTERS.index))
)


@pytest.mark.parametrize(
    ("scope", "allowed", "refused"),
    [
        ("patient/Patient.read", "rs", "cud"),
        ("patient/Patient.write", "cud", "rs"),
        ("patient/Patient.*", "cruds", ""),
        ("patient/Patient.rs", "rs", "cud"),
        ("patient/Patient.c", "c", "ruds"),
        ("patient/*.r", "r", "cuds"),
        ("user/Patient.cruds", "cruds", ""),
        ("patient/Patient.rs?_id=7&name=x", "rs", "cud"),
    ],
)
def test_each_letter_covers_its_interactions(scope: str, allowed: str, refused: str) -> None:
    scopes = read_scopes(scope)
    assert all(scopes.allows("Patient", letter) for letter in allowed)
    assert not any(scopes.allows("Patient", letter) for letter in refused)


@pytest.mark.parametrize(
    "scope",
    ["patient/Patient.sr", "patient/Patient.", "patient/patient.rs", "Patient.rs", "patient/Patient.rsx",
     "nobody/Patient.rs", "patient/Patient.readwrite", "patient/Patient.rr"],
)  # fmt: skip
def test_what_is_no_resource_scope_allows_nothing(scope: str) -> None:
    scopes = read_scopes(scope)
    assert (scopes.resources, scopes.others) == ((), {scope})


@given(LEVELS, TYPES, ACTIONS)
def test_a_written_scope_reads_as_itself(level: str, kind: str, letters: str) -> None:
    for style in ("v2", "v1"):
        scopes = read_scopes(" ".join(write_scope(level, kind, letters, style)))
        assert all(scopes.allows("Patient" if kind == "*" else kind, letter) for letter in letters)
        assert {scope.level for scope in scopes.resources} == {level}


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    scopes = read_scopes(text)
    assert len(scopes.resources) + len(scopes.others) <= len(text.split())


@pytest.mark.parametrize("kind", sorted(VENDORS))
def test_what_is_asked_for_at_a_launch_is_the_least(kind: str) -> None:
    words = launch_scope(kind, "v2", standalone=False).split()
    assert {"launch", "openid", "fhirUser"} <= set(words)
    assert len({"online_access", "offline_access"} & set(words)) == 1
    assert len(words) == len(set(words))
    scopes = read_scopes(" ".join(words))
    assert not any(scope.resource_type == "*" for scope in scopes.resources)
    assert all(scope.letters <= set("rs") for scope in scopes.resources)
    assert ("user/PractitionerRole.rs" in words) == VENDORS[kind].has_practitioner_role


def test_a_standalone_launch_asks_for_its_context() -> None:
    words = launch_scope("other", "v2", standalone=True).split()
    assert "launch" not in words
    assert {"launch/patient", "launch/encounter"} <= set(words)


def test_the_older_syntax_is_used_where_the_tenant_has_it() -> None:
    words = launch_scope("other", "v1", standalone=False).split()
    assert "patient/Patient.read" in words
    assert not any(word.endswith(".rs") for word in words)


def test_the_portal_itself_asks_for_system_scopes() -> None:
    assert system_scope(["Device", "ChargeItem"], "v2") == "system/Device.rs system/ChargeItem.rs"
    assert system_scope(["Device"], "v1") == "system/Device.read"
