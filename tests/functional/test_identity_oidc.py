"""OpenID Connect against a real provider over HTTP: what gets in, and every way it can go wrong."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select
from werkzeug.test import TestResponse

from integrations.sandbox.oidc import Client, Directory, Member, create_app
from integrations.sandbox.serving import server
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity import providers, queries, services
from portal.identity.models import Account, ExternalIdentity
from portal.identity.rules import Role
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.visitor import Visitor

CALLBACK = "http://127.0.0.1:8000/sign-in/callback"
SECRET = "the client's secret"
GROUPS = {"groups": {"supply-buyers": "buyer", "supply-approvers": "approver"}}


@dataclass
class Provider:
    """A running directory and the organization that trusts it."""

    directory: Directory
    app: Flask
    issuer: str
    slug: str
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    def member(self, subject: str, **claims: Any) -> Member:
        """Adds a person to the directory."""
        email = claims.pop("email", f"{subject}-{self.mark}@staff.example.org")
        member = Member(subject, claims.pop("name", subject.title()), email, claims)
        self.directory.members[subject] = member
        return member


@pytest.fixture
def provider(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A directory on loopback, known to the hospital under the code `staff`."""
    monkeypatch.setenv("PORTAL_SECRET_STAFF", SECRET)
    directory = Directory([], [Client("portal", frozenset({CALLBACK}), SECRET)])
    app = create_app(directory)
    running = server(app, "127.0.0.1", 0)
    thread = Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    issuer = f"http://127.0.0.1:{running.server_port}"
    with transaction():
        providers.add(
            code="staff",
            name="Staff directory",
            issuer=issuer,
            client_id="portal",
            secret_name="staff",
            claim_roles=GROUPS,
        )
    try:
        yield Provider(directory, app, issuer, hospital.organization.slug)
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def begin(client: Visitor, provider: Provider, **query: str) -> str:
    """Starts a sign-in; returns the address at the provider."""
    answer = client.get(f"/sign-in/{provider.slug}/staff", query_string=query)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return str(answer.headers["Location"])


def choose(address: str, subject: str) -> str:
    """The person chooses who they are at the provider; returns where it sends the browser."""
    assert httpx.get(address).status_code == 200
    answer = httpx.get(address.replace("/authorize?", "/choose?") + f"&subject={subject}")
    assert answer.status_code == 302
    return answer.headers["location"]


def arrive(client: Visitor, address: str) -> TestResponse:
    """The browser follows the provider's answer into the portal."""
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in(client: Visitor, provider: Provider, subject: str, **query: str) -> TestResponse:
    """The whole way."""
    return arrive(client, choose(begin(client, provider, **query), subject))


def account_of(member: Member) -> Account | None:
    """The portal's account of a member."""
    db.session.rollback()
    return queries.account_by_email(member.email)


def roles_of(account: Account) -> set[str]:
    """The roles of an account."""
    return {assignment.role.value for assignment in queries.assignments_of(account.id)}


def test_a_new_person_gets_an_account_with_the_roles_of_their_groups(
    provider: Provider, client: Visitor
) -> None:
    ann = provider.member("ann", groups=["supply-buyers", "choir"], name="Ann of the directory")
    answer = sign_in(client, provider, "ann", next="/me?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me?x=1")
    account = account_of(ann)
    assert account is not None
    assert (account.name, account.password_hash) == ("Ann of the directory", None)
    assert roles_of(account) == {"buyer"}
    identity = db.session.scalars(select(ExternalIdentity)).one()
    assert (identity.issuer, identity.subject, identity.account_id) == (provider.issuer, "ann", account.id)
    events = db.session.execute(
        select(AuditEvent.action, AuditEvent.evidence["method"].astext)
        .where(AuditEvent.subject_id == account.id, AuditEvent.subject_type == "account")
        .order_by(AuditEvent.id)
    ).all()
    assert [action for action, _ in events] == ["account.created", "account.role_added", "sign_in.succeeded"]
    assert events[-1][1] == "provider staff"


def test_the_request_carries_pkce_state_and_nonce_afresh(provider: Provider, client: Visitor) -> None:
    seen = [parse_qs(urlsplit(begin(client, provider)).query) for _ in range(2)]
    for query in seen:
        assert query["code_challenge_method"] == ["S256"]
        assert query["response_type"] == ["code"]
        assert query["redirect_uri"] == [CALLBACK]
    for name in ("state", "nonce", "code_challenge"):
        assert seen[0][name] != seen[1][name]


def test_the_same_subject_is_the_same_person_whatever_the_email(provider: Provider, client: Visitor) -> None:
    ann = provider.member("ann", groups=["supply-buyers"])
    sign_in(client, provider, "ann")
    account = account_of(ann)
    provider.member("ann", groups=["supply-buyers"], email=f"married-{provider.mark}@staff.example.org")
    client.delete_cookie("portal")
    assert sign_in(client, provider, "ann").status_code == 303
    assert account is not None
    assert account.email in client.get("/me").get_data(as_text=True)


def test_roles_follow_the_groups_and_leave_what_was_given_here(
    provider: Provider, hospital: Hospital, client: Visitor
) -> None:
    ann = provider.member("ann", groups=["supply-buyers"])
    sign_in(client, provider, "ann")
    account = account_of(ann)
    assert account is not None
    with transaction():
        services.assign_role(account, Role.AUDITOR)
        services.assign_role(account, Role.APPROVER, cost_center_id=hospital.cost_center.id)
    provider.member("ann", groups=["supply-approvers"])
    client.delete_cookie("portal")
    sign_in(client, provider, "ann")
    held = queries.assignments_of(account.id)
    assert {one.role.value for one in held} == {"auditor", "approver"}
    assert [one.cost_center_id for one in held if one.role == Role.APPROVER] == [hospital.cost_center.id]


def test_one_group_as_plain_text_counts_too(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups="supply-approvers")
    assert sign_in(client, provider, "ann").status_code == 303


def test_claims_missing_in_the_token_are_asked_for(
    provider: Provider, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = provider.directory.sign
    monkeypatch.setattr(
        provider.directory,
        "sign",
        lambda claims: bare({k: v for k, v in claims.items() if k not in ("email", "name", "groups")}),
    )
    ann = provider.member("ann", groups=["supply-buyers"])
    assert sign_in(client, provider, "ann").status_code == 303
    assert account_of(ann) is not None


def test_a_public_client_signs_in_by_pkce_alone(
    provider: Provider, hospital: Hospital, client: Visitor
) -> None:
    provider.directory.clients["open"] = Client("open", frozenset({CALLBACK}))
    with transaction():
        providers.add(code="open", name="Open", issuer=provider.issuer, client_id="open", claim_roles=GROUPS)
    provider.member("ann", groups=["supply-buyers"])
    address = client.get(f"/sign-in/{provider.slug}/open").headers["Location"]
    assert arrive(client, choose(address, "ann")).status_code == 303


def refused(answer: TestResponse, status: int, words: str) -> None:
    """Asserts that nobody was signed in and the page helps."""
    page = answer.get_data(as_text=True)
    assert answer.status_code == status, page
    assert words in page
    assert "You are not signed in" in page
    assert 'href="/sign-in"' in page


def test_declining_is_told_as_such(provider: Provider, client: Visitor) -> None:
    address = begin(client, provider)
    answer = httpx.get(address.replace("/authorize?", "/choose?"))
    refused(arrive(client, answer.headers["location"]), 403, "was declined")


def test_an_answer_is_used_once(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    answer = choose(begin(client, provider), "ann")
    assert arrive(client, answer).status_code == 303
    refused(arrive(client, answer), 422, "was not begun in this browser")


def test_a_code_replayed_under_another_state_is_refused(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    first = choose(begin(client, provider), "ann")
    assert arrive(client, first).status_code == 303
    client.delete_cookie("portal")
    second = parse_qs(urlsplit(begin(client, provider)).query)["state"][0]
    used = parse_qs(urlsplit(first).query)
    answer = client.get("/sign-in/callback", query_string={"code": used["code"][0], "state": second})
    refused(answer, 403, "did not confirm who you are")


@pytest.mark.parametrize(
    "query", ["", "?state=x&code=y", "?error=server_error", "?state=&code=", "?code=a&code=b"]
)
def test_an_answer_nobody_asked_for_is_refused(provider: Provider, client: Visitor, query: str) -> None:
    refused(client.get(f"/sign-in/callback{query}"), 422, "was not begun in this browser")


def test_an_answer_meant_for_another_browser_is_refused(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    answer = choose(begin(client, provider), "ann")
    other = Visitor(client.application, client.application.response_class)
    refused(arrive(other, answer), 422, "was not begun in this browser")


def test_an_answer_of_another_provider_is_refused(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    answer = choose(begin(client, provider), "ann").replace("iss=http", "iss=https")
    refused(arrive(client, answer), 403, "did not confirm")


def _changed(**changes: Any) -> Any:
    return lambda directory, claims: directory.sign_well({**claims, **changes})


def _without(name: str) -> Any:
    return lambda directory, claims: directory.sign_well({k: v for k, v in claims.items() if k != name})


def _by_another_key(directory: Any, claims: dict[str, Any]) -> str:
    key = RSAKey.generate_key(2048, {"kid": directory.key.kid})
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key, algorithms=["RS256"])


def _by_the_public_key_as_secret(directory: Any, claims: dict[str, Any]) -> str:
    key = OctKey.import_key(directory.key.as_pem(private=False) + b"x")
    return jwt.encode({"alg": "HS256", "kid": directory.key.kid}, claims, key, algorithms=["HS256"])


def _unsigned(directory: Any, claims: dict[str, Any]) -> str:
    header, payload, _ = directory.sign_well(claims).split(".")
    return f"eyJhbGciOiJub25lIn0.{payload}." if header else ""


FORGERIES = {
    "nonce of another sign-in": _changed(nonce="another"),
    "no nonce": _without("nonce"),
    "another issuer": _changed(iss="http://127.0.0.1:1"),
    "another application": _changed(aud="another"),
    "expired": _changed(exp=int(time.time()) - 3600),
    "no subject": _without("sub"),
    "another key": _by_another_key,
    "the public key as a shared secret": _by_the_public_key_as_secret,
    "unsigned": _unsigned,
    "garbage": lambda directory, claims: "a.b.c",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_token_that_cannot_be_believed_signs_nobody_in(
    provider: Provider, client: Visitor, forge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = provider.member("ann", groups=["supply-buyers"])
    directory: Any = provider.directory
    directory.sign_well = directory.sign
    monkeypatch.setattr(directory, "sign", lambda claims: forge(directory, dict(claims)))
    refused(sign_in(client, provider, "ann"), 403, "did not confirm who you are")
    assert account_of(ann) is None


def test_a_wrong_client_secret_is_no_fault_of_the_portal(
    provider: Provider, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.member("ann", groups=["supply-buyers"])
    monkeypatch.setenv("PORTAL_SECRET_STAFF", "changed")
    refused(sign_in(client, provider, "ann"), 403, "did not confirm")


def test_the_verifier_is_checked_by_the_provider(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    answer = choose(begin(client, provider), "ann")
    with client.session_transaction() as cookie:
        key = next(key for key in cookie if key.startswith("_state_"))
        cookie[key]["data"]["code_verifier"] = "another" * 8
        cookie.modified = True
    refused(arrive(client, answer), 403, "did not confirm")


def test_without_a_role_there_is_no_account(provider: Provider, client: Visitor) -> None:
    ann = provider.member("ann", groups=["choir"])
    refused(sign_in(client, provider, "ann"), 403, "none of your groups has a role")
    assert account_of(ann) is None


@pytest.mark.parametrize("claims", [{"email": ""}, {"email_verified": False}, {"email": 7}, {"email": "x"}])
def test_without_a_good_email_there_is_no_account(
    provider: Provider, client: Visitor, claims: dict[str, Any]
) -> None:
    provider.member("ann", groups=["supply-buyers"], **claims)
    answer = sign_in(client, provider, "ann")
    assert answer.status_code in (403, 409)
    assert "administrator" in answer.get_data(as_text=True)


def test_the_email_of_a_local_account_is_not_taken_over(
    provider: Provider, hospital: Hospital, client: Visitor
) -> None:
    provider.member("eve", groups=["supply-buyers"], email=hospital.email(Role.ADMINISTRATOR))
    refused(sign_in(client, provider, "eve"), 409, "another account has it")
    assert client.get("/me").status_code == 303


def test_the_email_of_another_organization_is_not_taken_over(
    provider: Provider, hospital: Hospital, client: Visitor
) -> None:
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    provider.member("eve", groups=["supply-buyers"], email=other.email(Role.BUYER))
    refused(sign_in(client, provider, "eve"), 409, "another account has it")


def test_a_deactivated_person_stays_out_and_it_is_recorded(provider: Provider, client: Visitor) -> None:
    ann = provider.member("ann", groups=["supply-buyers"])
    sign_in(client, provider, "ann")
    account = account_of(ann)
    assert account is not None
    with transaction():
        account.active = False
    client.delete_cookie("portal")
    refused(sign_in(client, provider, "ann"), 403, "is deactivated")
    reasons = db.session.scalars(
        select(AuditEvent.evidence["because"].astext).where(AuditEvent.action == "sign_in.refused")
    ).all()
    assert reasons == ["deactivated"]


@pytest.mark.parametrize("path", ["nowhere/staff", "SLUG/nothing", "%00/staff", "SLUG/%00", "a b/c"])
def test_an_unknown_organization_or_provider_is_not_found(
    provider: Provider, client: Visitor, path: str
) -> None:
    answer = client.get(f"/sign-in/{path.replace('SLUG', provider.slug)}")
    assert answer.status_code == 404
    assert "administrator" in answer.get_data(as_text=True) or "organization" in answer.get_data(as_text=True)


def test_a_provider_of_another_organization_is_not_found(provider: Provider, client: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    assert client.get(f"/sign-in/{other.organization.slug}/staff").status_code == 404


def test_a_provider_that_cannot_be_reached_is_told_as_such(hospital: Hospital, client: Visitor) -> None:
    with transaction():
        providers.add(
            code="gone", name="Gone", issuer="http://127.0.0.1:9", client_id="x", claim_roles=GROUPS
        )
    answer = client.get(f"/sign-in/{hospital.organization.slug}/gone")
    refused(answer, 403, "Gone did not confirm")


@pytest.mark.parametrize(
    "issuer",
    [
        "http://169.254.169.254",
        "https://provider.example",
        "http://127.0.0.1.example",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_allowed_hosts_are_called(hospital: Hospital, issuer: str) -> None:
    with pytest.raises(NotAllowed, match="PORTAL_PARTNER_HOSTS"):
        providers.add(code="bad", name="Bad", issuer=issuer, client_id="x")


def test_an_endpoint_elsewhere_is_not_called(
    provider: Provider, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def discovery() -> dict[str, Any]:
        return {
            "issuer": provider.issuer,
            "authorization_endpoint": f"{provider.issuer}/authorize",
            "token_endpoint": "http://169.254.169.254/token",
            "jwks_uri": f"{provider.issuer}/keys",
        }

    monkeypatch.setitem(provider.app.view_functions, "discovery", discovery)
    provider.member("ann", groups=["supply-buyers"])
    refused(sign_in(client, provider, "ann"), 403, "PORTAL_PARTNER_HOSTS")


@pytest.mark.parametrize("document", [{}, [], "text", {"issuer": "http://127.0.0.1:1"}, None])
def test_a_discovery_document_that_makes_no_sense_is_refused(
    provider: Provider, client: Visitor, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(provider.app.view_functions, "discovery", lambda: (document or "null", 200))
    answer = client.get(f"/sign-in/{provider.slug}/staff")
    refused(answer, 403, "did not confirm")


def test_a_redirect_of_the_provider_is_not_followed(
    provider: Provider, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        provider.app.view_functions, "discovery", lambda: ("", 302, {"Location": "http://169.254.169.254/"})
    )
    refused(client.get(f"/sign-in/{provider.slug}/staff"), 403, "did not confirm")


def test_the_discovery_document_is_read_once_an_hour(
    provider: Provider, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(client, provider)
    monkeypatch.setitem(provider.app.view_functions, "discovery", lambda: ("moved", 500))
    begin(client, provider)


def test_several_sign_ins_at_once_fit_into_the_cookie(provider: Provider, client: Visitor) -> None:
    provider.member("ann", groups=["supply-buyers"])
    addresses = [begin(client, provider) for _ in range(6)]
    cookie = client.get_cookie("portal")
    assert cookie is not None
    assert len(cookie.value) < 3800
    refused(arrive(client, choose(addresses[0], "ann")), 422, "was not begun")
    assert arrive(client, choose(addresses[-1], "ann")).status_code == 303


def test_the_page_of_an_organization_offers_its_providers_and_is_remembered(
    provider: Provider, hospital: Hospital, client: Visitor
) -> None:
    assert "Staff directory" not in client.get("/sign-in").get_data(as_text=True)
    answer = client.get("/sign-in/organization", query_string={"slug": f" {provider.slug.upper()} "})
    assert answer.headers["Location"] == f"/sign-in/{provider.slug}"
    assert "Continue with Staff directory" in client.get(f"/sign-in/{provider.slug}").get_data(as_text=True)
    again = client.get("/sign-in?next=/orders").get_data(as_text=True)
    assert f'href="/sign-in/{provider.slug}/staff?next=/orders"' in again
    assert hospital.organization.name in again


def test_a_role_that_does_not_exist_cannot_be_mapped(hospital: Hospital) -> None:
    with pytest.raises(Invalid, match="emperor"):
        providers.add(
            code="x", name="X", issuer="http://127.0.0.1:1", client_id="x",
            claim_roles={"groups": {"all": "emperor"}},
        )  # fmt: skip
