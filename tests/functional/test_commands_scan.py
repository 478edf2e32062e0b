"""`portal scan`: what a barcode says as JSON, or one sentence and exit code 1."""

import json
import os
import subprocess
import sys

import pytest

PRODUCT = "0100643169001763"


def scan(text: str | bytes, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Runs the command without any setting of an installation."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", "scan", text],
        input=given, env=variables, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_an_argument_and_standard_input_say_the_same() -> None:
    barcode = f"]d2{PRODUCT}17160712" + "10A21S1"
    done = scan(barcode)
    assert json.loads(done.stdout) == {
        "scheme": "gs1",
        "di": "00643169001763",
        "gtin": "00643169001763",
        "lot": "A21S1",
        "serial": None,
        "expiry": "2016-07-12",
        "made": None,
        "quantity": None,
        "donation": None,
        "warnings": [
            "No separator came with the scan: the lot may hold what follows it. Compare it with the label."
        ],
    }
    assert (done.returncode, done.stderr) == (0, b"")
    assert scan("-", f"{barcode}\r\n".encode()).stdout == done.stdout


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("(01)00208851107345(17)150331", b"", "should be 7. Scan again, or compare it with the label."),
        ("-", b"\xff\xfe0\x001\x00", "U+DCFF cannot stand in a barcode"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(text: str | bytes, given: bytes, says: str) -> None:
    done = scan(text, given)
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert line.startswith("Error: Unreadable: ")
    assert says in line
