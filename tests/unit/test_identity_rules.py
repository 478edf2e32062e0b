"""Rules of identity: local addresses, time-outs, roles, e-mail addresses."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.foundation.access import Permission
from portal.identity.presenters import device
from portal.identity.rules import (
    ROLE_LABELS,
    ROLE_PERMISSIONS,
    Ended,
    Role,
    is_email,
    local_path,
    roles_with,
    tidy_email,
    time_out,
)

SITE = "https://portal.example/sign-in"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
LIMITS = {"idle": timedelta(minutes=30), "absolute": timedelta(hours=12)}
TRICKY = st.text(alphabet="/\\:@.%?#\t\n\r\x00 abehlttps", max_size=20)


@given(st.one_of(st.text(max_size=40), TRICKY, TRICKY.map(lambda text: f"/{text}")))
def test_whatever_is_asked_for_the_way_leads_inside(text: str) -> None:
    path = local_path(text)
    # What browsers do before they parse an address (WHATWG URL, 4.4).
    seen = path.strip().replace("\\", "/")
    for dropped in "\t\n\r":
        seen = seen.replace(dropped, "")
    target = urlsplit(urljoin(SITE, seen))
    assert (target.scheme, target.netloc) == ("https", "portal.example")


@pytest.mark.parametrize("path", ["/", "/orders", "/orders/12?state=open&q=a%20b#lines", "/x:y@z", "/a//b"])
def test_a_path_of_the_portal_stays_as_it_is(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "text", ["", "orders", "http:/x", "//x", "///x", "/\\x", "\\/x", "/\tx", " /x", "/x\n"]
)
def test_what_is_no_path_leads_to_the_start(text: str) -> None:
    assert local_path(text) == "/"


@pytest.mark.parametrize(
    ("seen", "now", "over"),
    [
        (timedelta(0), timedelta(minutes=29, seconds=59), None),
        (timedelta(0), timedelta(minutes=30), Ended.IDLE),
        (timedelta(hours=11, minutes=45), timedelta(hours=11, minutes=59), None),
        (timedelta(hours=11, minutes=59), timedelta(hours=12), Ended.TOO_OLD),
        (timedelta(0), timedelta(days=3), Ended.TOO_OLD),
    ],
)
def test_a_session_ends_by_its_limits(seen: timedelta, now: timedelta, over: Ended | None) -> None:
    assert time_out(started=START, seen=START + seen, now=START + now, **LIMITS) == over


def test_every_role_has_a_label_and_permissions() -> None:
    assert set(ROLE_LABELS) == set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS.values())


def test_every_permission_belongs_to_a_role_and_is_missing_from_another() -> None:
    for permission in Permission:
        assert 0 < len(roles_with(permission)) < len(Role), permission


@given(st.text(max_size=60))
def test_an_address_accepted_is_tidy_printable_and_has_one_at_sign(text: str) -> None:
    tidy = tidy_email(text)
    if is_email(tidy):
        assert tidy.count("@") == 1
        assert tidy == tidy_email(tidy)
        assert not any(character.isspace() or character < " " for character in tidy)


@pytest.mark.parametrize("text", ["a@b", "first.last+tag@clinic-7.example.org", "o'neil@example.org"])
def test_usual_addresses_are_accepted(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text", ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a\x00@b", "a@.org", "a@b..org"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", "Safari on iPad"),
        ("", "A browser on an unknown device"),
    ],
)
def test_a_browser_is_named_as_people_name_it(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
