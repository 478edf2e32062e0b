"""Guards over the front-end build: pinned; no download addresses, known icons, nothing from elsewhere."""

import json
import re
from pathlib import Path

import pytest

from portal.assets import (
    ICONS,
    ROOT,
    VENDOR,
    AssetError,
    build,
    icons_in_python,
    icons_in_template,
    layered,
    sprite,
    used_icons,
)

STATIC = ROOT / "static"
OWN = sorted(
    [*(STATIC / "css").glob("*.css"), *(STATIC / "js").glob("*.js"), *(STATIC / "img").glob("*.svg")]
)
KILOBYTES = 1000


def test_every_package_is_pinned_to_one_version() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_lock_file_holds_hashes_and_no_download_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages)
    assert [entry for entry in packages if "resolved" in entry] == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text(encoding="utf-8")


def test_building_again_changes_nothing() -> None:
    build()
    before = {path.name: path.stat().st_mtime_ns for path in VENDOR.iterdir()}
    assert build().startswith("Assets are up to date")
    assert {path.name: path.stat().st_mtime_ns for path in VENDOR.iterdir()} == before


def test_the_sprite_holds_exactly_the_used_icons() -> None:
    build()
    drawn = re.findall(r'<symbol id="([^"]+)"', (VENDOR / "icons.svg").read_text(encoding="utf-8"))
    assert drawn == sorted(used_icons())
    assert {"x", "search", "circle-check"} <= set(drawn)


def test_an_unknown_icon_is_named_with_its_place() -> None:
    with pytest.raises(AssetError, match=r"no-such-icon in orders/detail\.html"):
        sprite({"no-such-icon": ["orders/detail.html"], "check": ["x.html"]})


@pytest.mark.parametrize("name", ["../outline/check", "check/../x", "", "Check"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(AssetError):
        sprite({name: ["x.html"]})


def test_a_filled_icon_is_painted_not_outlined() -> None:
    assert 'fill="currentColor"' in sprite({"star-filled": ["x.html"]})
    assert 'fill="currentColor"' not in sprite({"star": ["x.html"]})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{{ icon("check") }}', {"check"}),
        ('{{ icon("check" if done else "clock") }}', {"check", "clock"}),
        ('{{ icon({"a": "ban", "b": "x"}[state]) }}', {"ban", "x"}),
        ('{{ icon(given or "inbox") }}', {"inbox"}),
        ('{{ button("Go", icon="plus") }}', {"plus"}),
        ('{{ timeline([{"title": "Sent", "icon": "send"}]) }}', {"send"}),
        ('{% from "components/icon.html" import icon as draw %}{{ draw("x") }}', {"x"}),
        ('{% macro note(text, icon="pin") %}{% endmacro %}', {"pin"}),
        ("{{ icon(state.icon) }}{{ title }}", set()),
    ],
)
def test_icons_are_found_in_templates(text: str, names: set[str]) -> None:
    assert icons_in_template(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('Status("Sent", "info", "send")', {"send"}),
        ('TABLE = {State.OPEN: ("Open", "neutral", "circle")}', {"circle"}),
        ('Item("Home", icon="home")', {"home"}),
        ('item = {"icon": "home" if home else "door"}', {"home", "door"}),
        ('class Badge:\n    icon: str = "point"', {"point"}),
        ('notify("info", "Two words")\nname = "home"', set()),
        ("icon = other", set()),
    ],
)
def test_icons_are_found_in_presenters(text: str, names: set[str]) -> None:
    assert icons_in_python(text) == names


def test_the_vendor_style_sheet_yields_to_ours() -> None:
    assert (
        layered('@charset "UTF-8";a{b:c}/*# sourceMappingURL=x.map */')
        == '@charset "UTF-8";@layer tabler{a{b:c}}\n'
    )


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_our_files_load_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
    assert "//" not in re.sub(r"^\s*//.*$|/\*.*?\*/", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "@import" not in text


def test_a_first_visit_stays_light() -> None:
    build()
    own = sum(path.stat().st_size for path in OWN)
    packed = sum(path.stat().st_size for path in VENDOR.glob("*.gz"))
    assert own < 100 * KILOBYTES
    assert packed < 130 * KILOBYTES


def test_icons_come_from_the_pinned_package() -> None:
    build()
    package = json.loads((ICONS.parent / "package.json").read_text(encoding="utf-8"))
    pinned = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == pinned["dependencies"]["@tabler/icons"]
