"""The control page and JSON interface of a sandbox partner: behavior, documents, health."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from integrations.sandbox.behavior import MEANINGS, Effect, Rule, Script

Documents = Callable[[], Mapping[str, Sequence[Mapping[str, object]]]]
FIELDS = ("effect", "value", "request", "item", "supplier", "remaining")


def control(script: Script, *, title: str, documents: Documents) -> Blueprint:
    """The pages under /sandbox/; `documents` returns what was received and created, by kind, oldest first."""
    pages = Blueprint("sandbox", __name__, url_prefix="/sandbox", template_folder="templates")
    _add_json(pages, script, documents)
    _add_page(pages, script, title, documents)
    return pages


def _add_json(pages: Blueprint, script: Script, documents: Documents) -> None:
    @pages.get("/health")
    def health() -> Response:
        return jsonify({"status": "ok"})

    @pages.get("/documents")
    def list_documents() -> Response:
        return jsonify(documents())

    @pages.get("/behavior")
    def list_rules() -> Response:
        return jsonify(
            {
                "rules": [asdict(rule) for rule in script.rules()],
                "effects": script.effects,
                "requests": script.requests,
            }
        )

    @pages.post("/behavior")
    def add_rule() -> tuple[Response, int]:
        try:
            rule = script.add(rule_from_json(request.get_json(silent=True)))
        except ValueError as error:
            return jsonify({"error": str(error)}), 400
        return jsonify(asdict(rule)), 201

    @pages.delete("/behavior", defaults={"rule_id": None})
    @pages.delete("/behavior/<int:rule_id>")
    def clear_rules(rule_id: int | None) -> Response:
        return jsonify({"removed": script.clear(rule_id)})


def _add_page(pages: Blueprint, script: Script, title: str, documents: Documents) -> None:
    def page(error: str = "", entered: Mapping[str, str] | None = None) -> str:
        return render_template(
            "sandbox_control.html",
            title=title,
            error=error,
            entered=entered or {"remaining": "1"},
            script=script,
            rules=script.rules(),
            meanings=MEANINGS,
            counts={kind: len(rows) for kind, rows in documents().items()},
        )

    @pages.get("/")
    def show() -> str:
        return page()

    @pages.post("/rules")
    def add_from_form() -> ResponseReturnValue:
        entered = {name: request.form.get(name, "").strip() for name in FIELDS}
        try:
            script.add(rule_from_json({**entered, "remaining": entered["remaining"] or None}))
        except ValueError as error:
            return page(_sentence(error), entered), 400
        return redirect(url_for("sandbox.show"), 303)

    @pages.post("/rules/clear", defaults={"rule_id": None})
    @pages.post("/rules/<int:rule_id>/remove")
    def remove(rule_id: int | None) -> ResponseReturnValue:
        script.clear(rule_id)
        return redirect(url_for("sandbox.show"), 303)


def rule_from_json(data: object) -> Rule:
    """A rule from its JSON object; raises ValueError with a sentence. No `remaining`: once; null: always."""
    if not isinstance(data, dict):
        raise ValueError("send a JSON object with at least an effect")
    if unknown := sorted(set(data) - set(FIELDS)):
        raise ValueError(f"unknown fields {', '.join(map(repr, unknown))}; known are {', '.join(FIELDS)}")
    effect = data.get("effect")
    if effect not in set(Effect):
        raise ValueError(f"effect must be one of {', '.join(Effect)}, not {effect!r}")
    return Rule(
        Effect(effect),
        value=str(data.get("value", "")),
        request=str(data.get("request", "")),
        item=str(data.get("item", "")),
        supplier=str(data.get("supplier", "")),
        remaining=_count(data.get("remaining", 1)),
    )


def _count(value: object) -> int | None:
    if value is None:
        return None
    if str(value).isascii() and str(value).isdigit() and len(str(value)) <= 9:
        return int(str(value))
    raise ValueError(f"how often must be a whole number, or empty for always, not {value!r}")


def _sentence(error: ValueError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
