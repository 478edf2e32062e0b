"""Deny by default: every endpoint says who may use it, and refuses everybody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, Rule
from werkzeug.routing.converters import NumberConverter, UUIDConverter

from portal.foundation.access import Permission
from portal.identity.rules import ROLE_PERMISSIONS, Role
from tests.hospital import Hospital
from tests.visitor import Visitor

SAMPLE_UUID = "00000000-0000-4000-8000-000000000000"
NO_SUCH_ID = 2**40


def access_of(app: Flask, rule: Rule) -> Any:
    """The mark of the endpoint of a rule."""
    return getattr(app.view_functions[rule.endpoint], "access", None)


def rules(app: Flask) -> Iterator[Rule]:
    """Every rule but that of files under static/."""
    return (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


def path_of(app: Flask, rule: Rule, *, number: int = 1) -> str:
    """An address of the rule with something in every gap."""
    values: dict[str, Any] = {}
    for name in rule.arguments:
        converter = rule._converters[name]
        if isinstance(converter, NumberConverter):
            values[name] = number
        elif isinstance(converter, UUIDConverter):
            values[name] = SAMPLE_UUID
        elif isinstance(converter, AnyConverter):
            values[name] = min(converter.items)
        else:
            values[name] = "x"
    values |= rule.defaults or {}
    built = app.url_map.bind("localhost").build(rule.endpoint, values, method=_method(rule))
    return str(built)


def _method(rule: Rule) -> str:
    methods = rule.methods or {"GET"}
    return next(method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if method in methods)


def requests_of(app: Flask, rule: Rule, **options: Any) -> list[tuple[str, str]]:
    """Every method of a rule with an address."""
    methods = (rule.methods or {"GET"}) - {"HEAD", "OPTIONS"}
    return [(method, path_of(app, rule, **options)) for method in sorted(methods)]


def test_every_endpoint_says_who_may_use_it(app: Flask) -> None:
    unmarked = [
        rule.endpoint
        for rule in rules(app)
        if access_of(app, rule) not in ("public", "signed_in")
        and not isinstance(access_of(app, rule), Permission)
    ]
    assert unmarked == [], "Mark them with @requires(Permission.X), @signed_in or @public."


def test_public_endpoints_are_the_known_ones(app: Flask) -> None:
    found = {rule.endpoint for rule in rules(app) if access_of(app, rule) == "public"}
    assert found - PUBLIC == set(), "Is this really for everybody? Then add it to PUBLIC with its reason."


# Open to everybody: signing in and out; launches from an EHR and the keys it checks us by; partners, who
# prove who they are by their secret; probes; metrics, which ask for a token; links of mails, signed for one
# person, one step and one time.
PUBLIC = {
    "approvals.by_link",
    "approvals.decide_by_link",
    "calendar.read_feed",  # the address itself is the secret; RFC 5545 programs cannot sign in
    "clinical.finish_launch",
    "clinical.show_keys",
    "clinical.start_launch",
    "clinical.start_standalone",
    "exchange.receive_cxml",
    "fhir.metadata",
    "fhir.receive",
    "fhir.search_supply_requests",
    "fhir.supply_request",
    "identity.finish_provider",
    "identity.choose_organization",
    "identity.show_organization",
    "identity.show_sign_in",
    "identity.sign_in_demo",
    "identity.sign_in_submit",
    "identity.sign_out",
    "identity.start_provider",
    "operations.live",
    "operations.metrics",
    "operations.ready",
}


def test_nobody_gets_in_without_signing_in(app: Flask, client: Visitor) -> None:
    wrong = []
    for rule in rules(app):
        if access_of(app, rule) == "public":
            continue
        for method, path in requests_of(app, rule):
            answer = client.open(path, method=method)
            leads_to_sign_in = answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in")
            if not leads_to_sign_in:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


def test_a_person_without_the_permission_is_refused(app: Flask, hospital: Hospital, client: Visitor) -> None:
    by_outsider: dict[Role, list[tuple[str, str]]] = {}
    for rule in rules(app):
        permission = access_of(app, rule)
        if isinstance(permission, Permission):
            outsider = next(role for role in Role if permission not in ROLE_PERMISSIONS[role])
            by_outsider.setdefault(outsider, []).extend(requests_of(app, rule))
    assert by_outsider, "no endpoint requires a permission"
    let_in = []
    for outsider, requests in by_outsider.items():
        client.sign_in(hospital.email(outsider))
        answers = [(method, path, client.open(path, method=method).status_code) for method, path in requests]
        let_in += [answer for answer in answers if answer[2] != 403]
    assert let_in == []


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_held_by_one_of_the_cast_and_refused_to_another(
    hospital: Hospital, permission: Permission
) -> None:
    holders = {role for role in Role if hospital.actor(role).can(permission)}
    assert holders, f"nobody of the cast holds {permission}"
    assert holders != set(Role), f"everybody holds {permission}"


@pytest.mark.parametrize("number", [NO_SUCH_ID, 10**30], ids=["unknown", "beyond any id"])
def test_the_number_of_nothing_is_not_found(
    app: Flask, hospital: Hospital, client: Visitor, number: int
) -> None:
    wrong = []
    for role in Role:
        client.sign_in(hospital.email(role))
        for rule in rules(app):
            has_number = any(isinstance(one, NumberConverter) for one in rule._converters.values())
            permission = access_of(app, rule)
            if has_number and "GET" in (rule.methods or ()) and permission in ROLE_PERMISSIONS[role]:
                path = path_of(app, rule, number=number)
                status = client.get(path).status_code
                wrong += [(role, path, status)] if status != 404 else []
    assert wrong == []
