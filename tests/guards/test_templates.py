"""Guards over the templates: what policy, accessibility and readability ask of each page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from portal.foundation.web import ROOT

TEMPLATES = ROOT / "templates"
ENVIRONMENT = Environment(extensions=["jinja2.ext.do", "jinja2.ext.i18n"], autoescape=True)
MOST_LINES = 120
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
FORBIDDEN = {
    r"\sstyle\s*=": "Inline styles are refused by the policy; use a class of static/css.",
    r"<style\b": "Styles belong into static/css.",
    r"\son[a-z]+\s*=": "Event attributes are refused by the policy; use a module of static/js.",
    r"\shx-on[:\s=]": "hx-on evaluates code, which the policy refuses.",
    r"(?i)[\"']\s*javascript:": "Scripts in addresses are refused by the policy.",
    r"[\"']js:": "hx-vals with js: evaluates code, which the policy refuses.",
    r"<script(?![^>]*\ssrc=)": "Scripts belong into static/js.",
    r"\|\s*safe\b": "Escape everything; build markup in a macro.",
    r"https?://(?!www\.w3\.org/)": "Pages load nothing from elsewhere and link by url_for.",
}


def templates(*folders: str) -> list[Path]:
    """The templates in the folders, all without any."""
    found = sorted(path for folder in folders or ("",) for path in (TEMPLATES / folder).rglob("*.html"))
    assert found
    return found


def is_component(path: Path) -> bool:
    """Whether the template holds macros."""
    return path.parent.name == "components"


def name(path: Path) -> str:
    """How the tests name a template."""
    return path.relative_to(TEMPLATES).as_posix()


def source(path: Path) -> str:
    """A template's text without comments."""
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


every = pytest.mark.parametrize("path", templates(), ids=name)
every_component = pytest.mark.parametrize("path", templates("components"), ids=name)


@every
def test_a_template_needs_nothing_the_policy_refuses(path: Path) -> None:
    if path.parent.name == "emails":
        pytest.skip("mail has no policy; it needs inline styles")
    wrong = [advice for pattern, advice in FORBIDDEN.items() if re.search(pattern, source(path))]
    assert not wrong


@every
def test_inputs_are_written_in_components_only(path: Path) -> None:
    if is_component(path):
        return
    text = re.sub(r'<input type="hidden"[^>]*>', "", source(path))
    found = re.findall(r"<(?:input|select|textarea)\b[^>]*", text)
    assert not found, "Use components/field.html or another component; see components/README.md."


@every
def test_every_imported_macro_is_used(path: Path) -> None:
    tree = ENVIRONMENT.parse(source(path))
    imported = {
        names[1] if isinstance(names, tuple) else names
        for found in tree.find_all(nodes.FromImport)
        for names in found.names
    }
    used = {found.name for found in tree.find_all(nodes.Name) if found.ctx == "load"}
    assert imported <= used, "Remove the unused imports."


@every
def test_every_import_and_layout_exists(path: Path) -> None:
    tree = ENVIRONMENT.parse(source(path))
    wanted = [
        found.template.value
        for found in tree.find_all(nodes.Node)
        if isinstance(found, nodes.FromImport | nodes.Import | nodes.Extends | nodes.Include)
        and isinstance(found.template, nodes.Const)
    ]
    assert [target for target in wanted if not (TEMPLATES / target).is_file()] == []


@every
def test_a_page_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, "Move a part into a component or a partial of the feature."


@every_component
def test_a_component_file_holds_the_one_macro_it_is_named_after(path: Path) -> None:
    macros = [macro.name for macro in ENVIRONMENT.parse(source(path)).find_all(nodes.Macro)]
    assert macros == [path.stem]


@every_component
def test_a_component_is_documented(path: Path) -> None:
    manual = (TEMPLATES / "components" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{path.stem}\(", manual), "Add the macro to templates/components/README.md."


@every
def test_a_posting_form_carries_the_csrf_token(path: Path) -> None:
    assert all("csrf_token" in form for form in posting_forms(source(path))), "Use post_form or button_form."


def posting_forms(text: str) -> Iterator[str]:
    """The markup of each form that posts to us; the one that goes on to an EHR must not tell it our token."""
    for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
        if re.search(r'\bmethod="post"', form, re.IGNORECASE) and "data-go-on" not in form:
            yield form


@every_component
def test_the_gallery_shows_every_component(path: Path) -> None:
    shown = [*(ROOT / "tests" / "browser" / "pages").glob("*.html"), *templates("layouts", "components")]
    assert any(f'"components/{path.name}"' in page.read_text(encoding="utf-8") for page in shown), (
        "Show the component in tests/browser/pages, so that axe and the phone width see it."
    )


def test_the_manual_stays_short() -> None:
    manual = (TEMPLATES / "components" / "README.md").read_text(encoding="utf-8")
    assert len(manual.splitlines()) <= MOST_LINES


def test_pages_name_only_macros_that_exist() -> None:
    known = {path.stem for path in templates("components")}
    named = {
        names[0] if isinstance(names, tuple) else names
        for path in templates()
        for found in ENVIRONMENT.parse(source(path)).find_all(nodes.FromImport)
        if isinstance(found.template, nodes.Const) and str(found.template.value).startswith("components/")
        for names in found.names
    }
    assert named <= known


@pytest.mark.parametrize(
    "text",
    [
        '<p style="color:red">',
        '<a onclick="go()">',
        "<script>go()</script>",
        '<b hx-on:click="go()">',
        '<a href="javascript:go()">',
        "{{ text|safe }}",
        '<img src="https://elsewhere.example/x.png">',
    ],
)
def test_the_guard_sees_what_it_forbids(text: str) -> None:
    assert any(re.search(pattern, text) for pattern in FORBIDDEN)
