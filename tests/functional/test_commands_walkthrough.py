"""`portal walkthrough`: the main job over HTTP, and the browser that plays it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from portal.walkthrough.browser import Browser, WalkthroughError

NUMBERS = (
    "requisition", "purchase_order", "erp_number", "confirmation", "ship_notice", "receipt", "erp_receipt",
)  # fmt: skip
PAGE = """
<html><body><main>
<a href="/other">Other page</a>
<form action="/echo" method="post" id="first">
  <input type="hidden" name="token" value="t1">
  <label for="a">Name of it</label><input id="a" name="name" value="prepared">
  <label for="b">Words</label><textarea id="b" name="words">as before</textarea>
  <label for="c">Choice</label>
  <select id="c" name="choice"><option value="1">One</option><option value="2" selected>Two</option></select>
  <input type="checkbox" name="lines" value="10" checked><input type="checkbox" name="lines" value="20">
  <input type="radio" name="yes" value="y"><input type="radio" name="yes" value="n" checked>
  <button>Save</button><button name="more" value="1">Save more</button>
</form>
<input name="outside" value="too" form="first">
<section>Second
  <form action="/echo" method="get"><input name="q" value="x"><button>Save</button></form>
</section>
</main></body></html>
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A site that shows a form and echoes what it is sent."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: PAGE, endpoint="page")
    app.add_url_rule("/other", view_func=lambda: "<html><body>There</body></html>", endpoint="other")

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> str:
        pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return f"<html><body><main>{json.dumps(sorted(pairs))}</main></body></html>"

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_form_is_sent_as_prepared_but_for_what_was_typed(site: str) -> None:
    with Browser(site) as browser:
        form = browser.open("/").form("Save more").fill("Name", "typed").choose("yes", "y")
        sent = json.loads(form.submit().text)
    assert sent == [
        ["choice", "2"], ["lines", "10"], ["more", "1"], ["name", "typed"],
        ["outside", "too"], ["token", "t1"], ["words", "as before"], ["yes", "y"],
    ]  # fmt: skip


def test_a_form_is_found_by_what_stands_around_it(site: str) -> None:
    with Browser(site) as browser:
        assert json.loads(browser.open("/").form("Save", near="Second").submit().text) == [["q", "x"]]


def test_links_are_followed_by_their_words(site: str) -> None:
    with Browser(site) as browser:
        assert browser.open("/").follow("Other").text == "There"


def test_what_is_not_there_is_named(site: str) -> None:
    with Browser(site) as browser:
        page = browser.open("/")
        with pytest.raises(WalkthroughError, match="no button 'Delete'"):
            page.form("Delete")
        with pytest.raises(WalkthroughError, match="no field 'Color'"):
            page.form("Save").fill("Color", "red")
        with pytest.raises(WalkthroughError, match="no link 'Nowhere'"):
            page.follow("Nowhere")
        with pytest.raises(WalkthroughError, match="GET /missing answered 404"):
            browser.open("/missing")


def test_the_whole_job_is_played_on_servers_of_its_own(tmp_path: Path) -> None:
    # What the environment says of other servers must not matter.
    environment = os.environ | {
        "PORTAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/portal",
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli", "walkthrough", "--json"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {*NUMBERS, "steps"}
    assert all(report[name] for name in NUMBERS)
    assert len(report["steps"]) > 10
    assert all(set(step) == {"name", "seconds"} for step in report["steps"])
    assert not list(tmp_path.glob("portal-walkthrough-*"))
