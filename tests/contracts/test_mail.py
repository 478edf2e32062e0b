"""Orders by e-mail, against a real SMTP server: what leaves, what a refusal means, what the PDF says."""

from dataclasses import replace
from email import message_from_string
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.canonical import PurchaseOrder
from integrations.errors import Rejected, Retryable
from integrations.formats.pdf import _Paper, order_pdf
from integrations.http import Connection
from integrations.network.mail import MailedOrders
from integrations.network.mail.adapter import KEPT
from tests.smtp_server import Letters, serving
from tests.unit.cxml_documents import SENT_AT, an_order

TO = "orders@supplier.example"
KEY = "PO26-0000001-v1@hospital"


def mailed(letters: Letters) -> MailedOrders:
    connection = Connection(
        base_url=letters.url, settings={"sender": "Supply <supply@portal.example>"}, timeout_seconds=5
    )
    return MailedOrders(connection)


def order(**changes: object) -> PurchaseOrder:
    return an_order(supplier_email=TO, supplier_name="Harborline Medical", **changes)


def sent(letters: Letters) -> list[Message]:
    return [message_from_string(text) for text in letters.texts]


def test_a_repeat_is_the_same_letter_and_a_later_version_says_so() -> None:
    with serving() as letters:
        adapter = mailed(letters)
        for _ in range(2):
            adapter.send_purchase_order(order(), message_id=KEY, sent_at=SENT_AT)
        adapter.send_purchase_order(order(version=2), message_id=f"{KEY}2", sent_at=SENT_AT)
        cancelled = order(version=3, is_cancelled=True)
        adapter.send_purchase_order(cancelled, message_id=f"{KEY}3", sent_at=SENT_AT)
    first, again, changed, gone = sent(letters)
    assert first["Message-ID"] == again["Message-ID"] != changed["Message-ID"]
    assert "changed (version 2)" in changed["Subject"]
    assert gone["Subject"].startswith("Cancelled: purchase order")
    assert [exchange.status for exchange in adapter.wire] == [250] * 4


def test_what_goes_wrong_says_what_to_do_next() -> None:
    with serving() as letters:
        adapter = mailed(letters)
        assert adapter.check().login_ok
        letters.refusing = True
        with pytest.raises(Retryable, match="451"):
            adapter.send_purchase_order(order(), message_id=KEY, sent_at=SENT_AT)
        with pytest.raises(Rejected, match="no e-mail address"):
            adapter.send_purchase_order(an_order(), message_id=KEY, sent_at=SENT_AT)
    with pytest.raises(Retryable, match="does not answer"):
        adapter.send_purchase_order(order(), message_id=KEY, sent_at=SENT_AT)
    assert not adapter.check().reachable
    kept = MailedOrders(replace(Connection(base_url=""), settings={"sender": "a@b.example"}))
    assert kept.send_purchase_order(order(), message_id=KEY, sent_at=SENT_AT).reference == KEPT


@settings(max_examples=10, deadline=None)
@given(words=st.text(max_size=60))
def test_any_words_fit_on_paper(words: str) -> None:
    known = order(comments=words)
    line = known.lines[0].model_copy(update={"description": words, "supplier_part": words[:20]})
    paper = order_pdf(known.model_copy(update={"lines": (line,) * 12, "agreement": "BO26-0000001"}))
    assert paper.startswith(b"%PDF-")


def test_a_name_in_any_script_prints_and_only_its_letters_are_embedded() -> None:
    plain = order_pdf(order(comments="Größe M, 5 °C"))
    assert b"DejaVu" not in plain
    paper = order_pdf(order(comments="Łódź, Αθήνα, Київ; \u4e2d"))
    assert b"+DejaVuSans" in paper
    assert len(plain) < len(paper) < 60_000
    assert _Paper(order(comments="Ł")).words("Łódź Київ\u4e2d\u0000") == "Łódź Київ??"
