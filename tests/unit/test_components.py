"""Components as text: what they say for none, zero, hostile and odd values."""

import re
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_wtf import FlaskForm
from hypothesis import given
from hypothesis import strategies as st
from wtforms import FieldList, Form, FormField, IntegerField, StringField
from wtforms.validators import InputRequired, NumberRange

from portal.foundation.paging import Page
from tests.browser.gallery import create_gallery

GALLERY = create_gallery()


@pytest.fixture(name="gallery")
def gallery_in_a_request() -> Iterator[Flask]:
    """The gallery while it serves a request."""
    with GALLERY.test_request_context("/list?status=open&page=3&status=late"):
        yield GALLERY


def draw(source: str, **values: Any) -> str:
    """A template that may use the macro of the same name as the file, drawn with single spaces."""
    names = sorted(set(re.findall(r"\b([a-z_]+)\(", source)) - {"call"})
    imports = "".join(f'{{% from "components/{name}.html" import {name} %}}' for name in names)
    return " ".join(GALLERY.jinja_env.from_string(imports + source).render(**values).split())


def words(markup: str) -> str:
    """The text of a piece of markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ money(amount) }}", "$1,234.50"),
        ("{{ money(amount, 'EUR') }}", "€1,234.50"),
        ("{{ money(none) }}", "–"),
        ("{{ quantity(amount, 'EA') }}", "1234.5 EA"),
        ("{{ quantity(none) }}", "–"),
        ("{{ when(none) }}", "–"),
        ("{{ difference('40', '20') }}", "Was 40 now 20"),
        ("{{ difference('40', '40') }}", "40"),
        ("{{ difference('40') }}", "40"),
        ("{{ avatar('Clinic manager') }}", "CM"),
        ("{{ avatar('Portal') }}", "P"),
        ("{{ avatar('') }}", "?"),
    ],
)
def test_values_read_as_people_expect(source: str, expected: str) -> None:
    assert words(draw(source, amount=Decimal("1234.50"))) == expected


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"page": 4}, "/list?status=open&amp;status=late&amp;page=4"),
        ({"status": None, "page": None}, "/list"),
        ({"q": "a&b=<i>"}, "/list?status=open&amp;status=late&amp;page=3&amp;q=a%26b%3D%3Ci%3E"),
    ],
)
def test_an_address_keeps_the_other_arguments(changes: dict[str, Any], expected: str) -> None:
    assert draw("{{ url_with(changes) }}", changes=changes) == expected


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_argument_breaks_the_address(key: str, value: str) -> None:
    with GALLERY.test_request_context("/list", query_string={key: value}):
        address = draw("{{ url_with({'page': 2}) }}")
    assert re.fullmatch(r"/list\?[\w.~%+&;=/-]*page=2", address)


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize(
    ("number", "total", "shown"),
    [
        (1, 0, "0–0 of 0 rows"),
        (1, 50, "1–50 of 50 rows"),
        (1, 120, "1–50 of 120 rows 1 2 3 Next"),
        (10, 1000, "451–500 of 1,000 rows Previous 1 … 9 10 11 … 20 Next"),
        (20_000, 1_000_000, "999,951–1,000,000 of 1,000,000 rows Previous 1 … 19999 20000"),
    ],
)
def test_pages_near_the_present_one_are_offered(number: int, total: int, shown: str) -> None:
    page: Page[Any] = Page(rows=[], number=number, total=total)
    assert words(draw("{{ pagination(page) }}", page=page)) == shown


@pytest.mark.usefixtures("gallery")
@pytest.mark.parametrize(
    ("sort", "link", "order"),
    [("", "sort=at", None), ("at", "sort=-at", "ascending"), ("-at", "sort=at", "descending")],
)
def test_a_header_turns_the_order_and_starts_at_page_one(sort: str, link: str, order: str | None) -> None:
    columns = [{"label": "Submitted", "sort": "at"}]
    markup = draw(
        "{% call(row) data_table('List', columns, [], sort=sort) %}{% endcall %}", columns=columns, sort=sort
    )
    assert f'href="/list?status=open&amp;status=late&amp;{link}"' in markup
    assert (f'aria-sort="{order}"' in markup) if order else ("aria-sort" not in markup)


@pytest.mark.usefixtures("gallery")
def test_bars_never_leave_their_frame() -> None:
    parts = [{"value": Decimal(80), "tone": "info"}, {"value": Decimal(70), "tone": "danger"}]
    widths = [
        Decimal(text) for text in re.findall(r' width="([\d.]+)"', draw("{{ bar(parts, 100) }}", parts=parts))
    ]
    assert widths == [80, 20]
    assert "<rect" not in draw("{{ bar(parts, 0) }}", parts=parts)


@pytest.mark.usefixtures("gallery")
def test_what_people_typed_is_never_markup() -> None:
    evil = "<script>x</script>"
    state = {"label": evil, "tone": "info", "icon": "check"}
    drawn = [
        draw("{{ status(state) }}", state=state),
        draw("{{ alert(evil, title=evil) }}", evil=evil),
        draw("{{ difference(evil, 'x') }}", evil=evil),
        draw("{{ wire_view(evil, 'Message') }}", evil=evil),
        draw("{{ datagrid([{'label': 'Note', 'value': evil}]) }}", evil=evil),
        draw("{{ button_form('/x', 'Go', fields={'note': evil}, confirm=evil) }}", evil=evil),
    ]
    assert all("<script" not in markup and "&lt;script" in markup for markup in drawn)


@pytest.mark.usefixtures("gallery")
def test_two_questions_on_a_page_have_ids_of_their_own() -> None:
    markup = draw(
        "{% for line in (1, 2) %}"
        "{{ button_form('/lines', 'Close it', fields={'line': line}, confirm='Sure?') }}"
        "{% endfor %}"
    )
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids)) == 4
    assert all(" " not in one for one in ids)
    assert markup.count('name="csrf_token"') == 2


class Line(Form):  # type: ignore[misc]  # WTForms ships no types
    """One line of an order."""

    quantity = IntegerField(
        "Quantity", [InputRequired("Enter a quantity."), NumberRange(min=1, message="At least 1.")]
    )


class Order(FlaskForm):  # type: ignore[misc]
    """An order with lines."""

    reference = StringField("Reference", [InputRequired("Enter a reference.")])
    lines = FieldList(FormField(Line), min_entries=2)


@pytest.mark.usefixtures("gallery")
def test_the_summary_names_every_error_also_inside_lines_once() -> None:
    form = Order(data={"lines": [{"quantity": 5}, {}]}, meta={"csrf": False})
    form.validate()
    form.form_errors.append("The budget is used up.")
    markup = draw("{{ form_errors(form) }}", form=form)
    assert words(markup) == (
        "Check these answers The budget is used up. Enter a reference. Enter a quantity. Enter a quantity."
    )
    assert re.findall(r'href="#([^"]+)"', markup) == ["reference", "lines-0-quantity", "lines-1-quantity"]


@pytest.mark.usefixtures("gallery")
def test_a_field_ties_label_hint_and_error_together() -> None:
    form = Order(meta={"csrf": False})
    form.validate()
    markup = draw(
        "{{ field(form.reference, hint='As on the slip.', attrs={'autocomplete': 'off'}) }}", form=form
    )
    assert 'for="reference"' in markup
    assert 'aria-describedby="reference-hint reference-error"' in markup
    assert 'aria-invalid="true"' in markup
    assert 'autocomplete="off"' in markup
    assert "(optional)" not in markup


@pytest.mark.usefixtures("gallery")
def test_objects_serve_as_well_as_dicts() -> None:
    check = SimpleNamespace(label="Budget", outcome="block", text="Over by $5.00.", evidence=[])
    assert words(draw("{{ check_result(check) }}", check=check)) == "Budget Blocked Over by $5.00."


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503, 418, 502])
def test_every_error_page_says_what_to_do(status: int) -> None:
    answer = GALLERY.test_client().get(f"/error/{status}")
    title = re.search(r"<title>([^<]*)</title>", answer.text)
    heading = re.search(r"<h1>([^<]*)</h1>", answer.text)
    assert answer.status_code == status
    assert title
    assert heading
    assert title[1].startswith(heading[1].strip())
    assert f"Error {status}" in answer.text
