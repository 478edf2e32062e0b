"""The sandbox network as a web application: cXML in, control page, answers on demand."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from flask import Flask, Response, jsonify, request, url_for

from integrations.formats.cxml.parsing import MAX_BYTES
from integrations.sandbox.behavior import NETWORK_EFFECTS, Script
from integrations.sandbox.control import control
from integrations.sandbox.network.book import Book, create
from integrations.sandbox.network.desk import ORDER, Desk
from integrations.sandbox.network.settings import NetworkSettings
from integrations.sandbox.network.suppliers import CONFIRM, SHIP, Suppliers
from integrations.sandbox.store import transaction


def create_app(settings: NetworkSettings) -> Flask:
    """The network on the files of `settings.data_dir`; documents leave through a `Sender`."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "network.sqlite3"
    create(path)
    script = Script(
        settings.data_dir / "script.sqlite3", effects=NETWORK_EFFECTS, requests=(ORDER, CONFIRM, SHIP)
    )
    suppliers = Suppliers(settings, script)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES

    def documents() -> Mapping[str, Sequence[Mapping[str, object]]]:
        with transaction(path) as connection:
            return Book(connection).listed()

    app.register_blueprint(control(script, title="Sandbox procurement network", documents=documents))
    _add_routes(app, Desk(settings, suppliers, script), suppliers)
    return app


def _add_routes(app: Flask, desk: Desk, suppliers: Suppliers) -> None:
    @app.post("/")
    @app.post("/cxml")
    def receive() -> Response:
        return desk.receive(request.get_data(), address=url_for("receive", _external=True))

    @app.post("/sandbox/answer")
    def answer() -> tuple[Response, int]:
        try:
            number, what, buyer, quantities = _wish(request.get_json(silent=True))
            message_ids = suppliers.answer(number, what, buyer=buyer, quantities=quantities)
        except LookupError as error:
            return jsonify({"error": str(error.args[0])}), 404
        except ValueError as error:
            return jsonify({"error": str(error)}), 400
        return jsonify({"message_ids": message_ids}), 202


def _wish(data: object) -> tuple[str, str, str, dict[int, Decimal] | None]:
    """Order, what, buyer and quantities by line out of the JSON; ValueError with a sentence."""
    if not isinstance(data, dict) or not isinstance(data.get("order"), str):
        raise ValueError("send a JSON object with order and what")
    what = data.get("what")
    if what not in {CONFIRM, SHIP}:
        raise ValueError(f"what must be {CONFIRM} or {SHIP}, not {what!r}")
    given = data.get("quantities")
    if given is None:
        return data["order"], what, str(data.get("buyer", "")), None
    try:
        quantities = {int(line): Decimal(str(quantity)) for line, quantity in dict(given).items()}
    except (TypeError, ValueError, InvalidOperation) as error:
        raise ValueError("quantities must be an object of line numbers and quantities") from error
    return data["order"], what, str(data.get("buyer", "")), quantities
