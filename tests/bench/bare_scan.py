"""The least an answer to a scan costs under gunicorn: Flask, one indexed lookup, one template, no session."""

import os

from flask import Flask, render_template_string, request
from sqlalchemy import create_engine, text

from portal.foundation.db import APPLICATION_ROLE

app = Flask(__name__)
ORGANIZATION = os.environ.get("BENCH_ORGANIZATION", "0")
engine = create_engine(
    os.environ.get("PORTAL_DATABASE_URL", "postgresql+psycopg://").replace(
        "postgresql://", "postgresql+psycopg://"
    ),
    connect_args={
        "options": f"-c role={APPLICATION_ROLE} -c timezone=UTC -c app.organization_id={ORGANIZATION}"
    },
)
LOOKUP = text(
    "SELECT item.name, item.code, item_packaging.uom, item_packaging.factor FROM item_packaging "
    "JOIN item ON item.id = item_packaging.item_id WHERE item_packaging.gtin = :gtin"
)
PAGE = "<div><h2>{{ row.name }}</h2><p>{{ row.code }}</p><p>{{ row.uom }} of {{ row.factor }}</p></div>"


@app.get("/")
def page() -> str:
    """The item a barcode means; without one an empty answer."""
    gtin = request.args.get("q", "")
    if not gtin:
        return ""
    with engine.connect() as connection:
        return render_template_string(PAGE, row=connection.execute(LOOKUP, {"gtin": gtin}).one())
