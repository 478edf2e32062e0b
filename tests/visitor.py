"""A browser without JavaScript: fetches pages, fills their real forms, keeps its cookies."""

from collections.abc import Mapping
from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from lxml import html
from werkzeug.test import TestResponse

from tests.hospital import PASSWORD


class Visitor(FlaskClient):
    """A person at the portal. Each request has a context of its own, whatever surrounds it in the test."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """One request."""
        return Context().run(super().open, *args, **kwargs)

    def submit(
        self,
        page: str,
        values: Mapping[str, Any] | None = None,
        *,
        action: str | None = None,
        **options: Any,
    ) -> TestResponse:
        """Fetches a page, fills its form (the one with this action, else its only POST form) and sends it."""
        shown = self.get(page)
        assert shown.status_code == 200, (
            f"{page} answered {shown.status_code}: {shown.headers.get('Location')}"
        )
        return self.send(shown, values, action=action, **options)

    def send(
        self,
        shown: TestResponse,
        values: Mapping[str, Any] | None = None,
        *,
        action: str | None = None,
        **options: Any,
    ) -> TestResponse:
        """Sends a form of a page that was already fetched; `values` replace what the page filled in."""
        form = form_of(shown, action)
        filled: dict[str, Any] = {}
        for name, value in form.form_values():
            filled.setdefault(name, []).append(value)
        target = form.get("action") or shown.request.path
        return self.post(target, data={**filled, **(values or {})}, **options)

    def csrf_token(self, page: str) -> str:
        """The token of a page, for a form that the page does not show."""
        shown = html.document_fromstring(self.get(page).get_data(as_text=True))
        fields = [field for field in shown.iter("input") if field.get("name") == "csrf_token"]
        return str(fields[0].get("value"))

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        """Signs in by password, whoever it was before; fails the test when that is refused."""
        self.delete_cookie("portal")
        answer = self.submit("/sign-in", {"email": email, "password": password}, action="/sign-in")
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return answer


def form_of(shown: TestResponse, action: str | None = None) -> html.FormElement:
    """The POST form with this action; without one the only POST form apart from signing out."""
    page = html.document_fromstring(shown.get_data(as_text=True))
    forms = [form for form in page.iter("form") if isinstance(form, html.FormElement)]
    posts = [form for form in forms if form.method == "POST"]
    if action is None:
        posts = [form for form in posts if form.get("action") != "/sign-out"]
    else:
        posts = [form for form in posts if (form.get("action") or "").partition("?")[0] == action]
    actions = [form.get("action") for form in forms]
    assert len(posts) == 1, f"{len(posts)} forms for {action or 'POST'} among {actions}"
    return posts[0]
