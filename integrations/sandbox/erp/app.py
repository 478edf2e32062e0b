"""The sandbox ERP as a web application: login, CSRF, scripted behavior, OData services."""

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from integrations.sandbox import serving
from integrations.sandbox.behavior import ERP_EFFECTS, Effect, Plan, Script
from integrations.sandbox.control import control
from integrations.sandbox.erp.addressing import split_path
from integrations.sandbox.erp.batch import Part, print_batch, read_batch
from integrations.sandbox.erp.gateway import Answer, Call, Gateway
from integrations.sandbox.erp.refusal import Refusal, error_body, refuse
from integrations.sandbox.erp.services import MATERIAL_DOCUMENT, ORDER
from integrations.sandbox.erp.state import Erp, Sessions, Undo
from integrations.sandbox.faults import after_effect, before_effect

LOGIN = ("PORTAL", "sandbox-erp")
REQUESTS = ("purchase_order", "receipt", "read", "login", "batch")
ROOT = "/sap/opu/odata/sap"
COOKIE = "SAP_SESSIONID_S4H_100"
CSRF = "X-CSRF-Token"
REALM = 'Basic realm="SAP NetWeaver Application Server [S4H/100]"'
MAX_BODY = 10_000_000


def create_app(data_dir: Path, master_data: Path | None = None, *, login: tuple[str, str] = LOGIN) -> Flask:
    """The ERP over `data_dir`; `master_data` is a folder of CSV files, read again when one changes.

    Raises MasterDataError naming file and line.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    erp = Erp(data_dir, master_data)
    script = Script(data_dir / "behavior.db", effects=ERP_EFFECTS, requests=REQUESTS)
    door = _Door(erp, script, Sessions(), login)
    app.register_blueprint(control(script, title="Sandbox ERP (SAP S/4HANA)", documents=erp.documents))
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "MERGE"]
    app.add_url_rule(f"{ROOT}/<service>/", "service", door.answer, methods=methods)
    app.add_url_rule(f"{ROOT}/<service>/<path:rest>", "entities", door.answer, methods=methods)
    app.add_url_rule("/sandbox/sessions", "end_sessions", door.end_sessions, methods=["DELETE"])
    return app


def serve(host: str, port: int, data_dir: Path, master_data: Path | None = None) -> None:
    """Runs the ERP until it is stopped."""
    serving.serve(create_app(data_dir, master_data), host, port)


class _Door:
    """What stands before the services: login, session, CSRF token, scripted behavior."""

    def __init__(self, erp: Erp, script: Script, sessions: Sessions, login: tuple[str, str]) -> None:
        self._erp = erp
        self._script = script
        self._sessions = sessions
        self._login = login

    def answer(self, service: str, rest: str = "") -> Response:
        """Every OData request."""
        if not self._is_known(request):
            page = "<html><body><h1>Anmeldung fehlgeschlagen / Logon failed</h1></body></html>"
            return Response(page, 401, {"WWW-Authenticate": REALM}, mimetype="text/html")
        if request.method not in {"GET", "HEAD"} and not self._has_token(request):
            return Response("CSRF token validation failed", 403, {CSRF: "Required"}, mimetype="text/plain")
        call = _call(request, service)
        plan = self._plan(call)
        early = before_effect(plan)
        return early or after_effect(plan, self._respond(call, plan))

    def end_sessions(self) -> Response:
        """Makes every CSRF token stale, as a restart does."""
        self._sessions.end_all()
        return Response(status=204)

    def _is_known(self, sent: Request) -> bool:
        given = sent.authorization
        if given is None or given.type != "basic":
            return False
        pairs = zip((given.username or "", given.password or ""), self._login, strict=True)
        return all(hmac.compare_digest(one.encode(), other.encode()) for one, other in pairs)

    def _has_token(self, sent: Request) -> bool:
        return self._sessions.accepts(sent.cookies.get(COOKIE, ""), sent.headers.get(CSRF, ""))

    def _plan(self, call: Call) -> Plan:
        kind = _kind(call, fetches=_fetches_token())
        documents = _documents(call)
        items = {str(item.get("Material", "")) for one in documents for item in _items(one)}
        supplier = str(documents[0].get("Supplier", "")) if documents else ""
        return self._script.take(kind, items=items, supplier=supplier)

    def _respond(self, call: Call, plan: Plan) -> Response:
        refusal = plan.find(Effect.REJECT)
        if refusal is not None:
            answer = Answer(400, error_body(refuse("ZSANDBOX/001", refusal.value)))
        elif call.path == ("$batch",):
            answer = self._batch(call)
        else:
            answer = self._single(call, twice=plan.find(Effect.DUPLICATE) is not None)
        headers = {"DataServiceVersion": "2.0", **answer.headers}
        response = Response(answer.body, answer.status, headers, content_type=answer.content_type)
        if _fetches_token():
            session, token = self._sessions.open(request.cookies.get(COOKIE, ""))
            response.headers[CSRF] = token
            response.set_cookie(COOKIE, session, path="/", httponly=True, samesite="Lax")
        return response

    def _single(self, call: Call, *, twice: bool) -> Answer:
        def work(gateway: Gateway) -> list[Answer]:
            return _settled(gateway, [gateway.handle(call, twice=twice)])

        return self._erp.run(self._login[0], work, write=call.method != "GET")[0]

    def _batch(self, call: Call) -> Answer:
        try:
            parts = read_batch(request.headers.get("Content-Type", ""), call.body)
        except Refusal as refusal:
            return Answer(refusal.status, error_body(refusal))
        return print_batch(
            self._change_set(call, part) if isinstance(part, list) else self._part(call, part)
            for part in parts
        )

    def _part(self, call: Call, part: Part) -> Answer:
        if part.method != "GET":
            return Answer(
                400, error_body(refuse("/IWFND/CM_MGW_RT/022", "Only GET may stand alone in a batch"))
            )
        return self._single(_inner(call, part), twice=False)

    def _change_set(self, call: Call, parts: list[Part]) -> list[Answer] | Answer:
        """All of them, or none and the first refusal alone."""

        def work(gateway: Gateway) -> list[Answer]:
            answers = []
            for part in parts:
                answers.append(gateway.handle(_inner(call, part)))
                if answers[-1].status >= 400:
                    raise Undo(answers[-1:])
            return _settled(gateway, answers)

        answers = self._erp.run(self._login[0], work, write=True)
        return answers[0] if answers and answers[0].status >= 400 else answers


def _settled(gateway: Gateway, answers: list[Answer]) -> list[Answer]:
    refused = gateway.settle()
    if refused is not None:
        raise Undo([refused])
    return answers


def _call(sent: Request, service: str) -> Call:
    raw = urlsplit(sent.environ.get("REQUEST_URI") or sent.path).path
    path = split_path(raw)[len(split_path(ROOT)) + 1 :]
    method = "GET" if sent.method == "HEAD" else sent.method
    options = {name: value for name, value in sent.args.items() if not name.startswith("sap-")}
    address = f"{sent.host_url.rstrip('/')}{ROOT}/{service}"
    repeatable = sent.headers.get("RequestID", "") if "RepeatabilityCreation" in sent.headers else ""
    return Call(method, service, path, options, sent.get_data(), address, repeatable)


def _inner(call: Call, part: Part) -> Call:
    return Call(part.method, call.service, part.path, part.options, part.body, call.address)


def _fetches_token() -> bool:
    return request.headers.get(CSRF, "").lower() == "fetch"


def _kind(call: Call, *, fetches: bool) -> str:
    if call.method == "GET":
        return "login" if fetches else "read"
    if call.path == ("$batch",):
        return "batch"
    return "purchase_order" if call.path == (ORDER.name,) else "receipt"


def _documents(call: Call) -> list[Mapping[str, object]]:
    """What a create carries, as far as it can be read."""
    if call.method != "POST" or call.path not in {(ORDER.name,), (MATERIAL_DOCUMENT.name,)}:
        return []
    try:
        data = json.loads(call.body)
    except (ValueError, RecursionError):
        return []
    return [data] if isinstance(data, dict) else []


def _items(document: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = document.get("to_PurchaseOrderItem") or document.get("to_MaterialDocumentItem")
    rows = found.get("results") if isinstance(found, dict) else found
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
