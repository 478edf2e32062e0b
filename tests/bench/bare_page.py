"""The least a page of 50 rows costs under gunicorn: Flask, one template, no database, no session."""

from flask import Flask, render_template_string

app = Flask(__name__)
ROWS = [
    {
        "name": f"Item {number}",
        "code": f"B{number:07d}",
        "supplier": f"Supplier {number % 40}",
        "uom": "BX",
        "price": f"{number + 0.25:,.2f}",
        "contract": "C-S1 until Dec 31",
        "on_hand": str(number * 3),
        "par": "10 to 40",
    }
    for number in range(50)
]
PAGE = """<!doctype html>
<html lang="en"><head><title>Catalog</title></head><body><h1>Catalog</h1><table>
{% for row in rows %}<tr>
  <td><a href="/items/{{ row.code }}">{{ row.name }}</a></td><td>{{ row.code }}</td>
  <td>{{ row.supplier }}</td><td>{{ row.uom }}</td><td>{{ row.price }}</td>
  <td>{{ row.contract }}</td><td>{{ row.on_hand }}</td><td>{{ row.par }}</td>
</tr>{% endfor %}
</table></body></html>
"""


@app.get("/")
def page() -> str:
    """The rows."""
    return render_template_string(PAGE, rows=ROWS)
