"""Bytes from strangers: each is read or refused with a named error and a line, never expanded or guessed."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.canonical import PurchaseOrder
from integrations.errors import Unreadable
from integrations.formats.cxml.envelope import body, open_envelope, open_root, read_response, write_request
from integrations.formats.cxml.orders import read_order, write_order
from integrations.formats.cxml.parsing import MAX_BYTES, parse, version_of
from integrations.formats.cxml.reading import Reader, where
from integrations.registry import INBOUND
from tests.unit import cxml_documents as documents

SYSTEM = '<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.050/cXML.dtd">'
LAUGHS = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
ORDER = write_request(documents.HEADER, write_order(documents.an_order(), operation="new")).rstrip()


def read_order_document(raw: bytes) -> PurchaseOrder:
    root, _ = open_root(raw)
    return read_order(body(root), "AN-SUPPLIER", Reader())


def refusal(raw: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        parse(raw)
    return caught.value


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (f'<!DOCTYPE cXML [<!ENTITY l0 "ha">{LAUGHS}]><cXML>&l9;</cXML>', 1),
        (f'\n<!DOCTYPE cXML [<!ENTITY l0 "ha">{LAUGHS}]><cXML a="&l9;"/>', 2),
        (
            '<?xml version="1.0"?>\n<!DOCTYPE cXML [<!ENTITY x SYSTEM "file:///etc/passwd">]><cXML>&x;</cXML>',
            2,
        ),
        ('<!-- a -->\n\n<!DOCTYPE cXML [<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;]><cXML/>', 3),
        ('<!DOCTYPE cXML SYSTEM "http://a/cXML.dtd" [<!ATTLIST cXML a CDATA "b">]><cXML/>', 1),
        ('<!DOCTYPE cXML SYSTEM "a', 1),
        ('<!ENTITY x "y"><cXML/>', 1),
    ],
)
def test_declarations_of_entities_are_refused(document: str, line: int) -> None:
    error = refusal(document.encode())
    assert "entities are refused" in str(error)
    assert error.position == f"line {line}"


def test_an_entity_bomb_costs_no_memory() -> None:
    bomb = f'<!DOCTYPE cXML [<!ENTITY l0 "{"ha" * 1000}">{LAUGHS}]><cXML>&l9;</cXML>'.encode()
    tracemalloc.start()
    refusal(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("place", ["<D>Gauze &eacute; pad</D>", '<D a="1&eacute;2"/>'])
def test_an_undeclared_entity_is_an_error_not_a_gap(place: str) -> None:
    error = refusal(f"{SYSTEM}\n<cXML>\n{place}</cXML>".encode())
    assert "eacute" in str(error)
    assert error.position == "line 3"


@pytest.mark.parametrize(
    ("raw", "says", "line"),
    [
        (b"", "empty", 1),
        (b" \n\t", "empty", 1),
        (b"ISA*00*  ~", "not well-formed", 1),
        (b"\n\n{}", "not well-formed", 3),
        (b"<cXML>\n<Header>", "not well-formed", 2),
        (b"<cXML/>\n<cXML/>", "not well-formed", 2),
        (b'<cXML a="1"\n a="2"/>', "not well-formed", 2),
        (b"<?xml version='1.0'", "ends before ?>", 1),
        (b"<!-- for ever", "ends before -->", 1),
        (b"<!DOCTYPE html><html></html>", "HTML page", 1),
        (b"<cXML>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</cXML>", "not well-formed", 1),
        (b"<cXML>\x00</cXML>", "not well-formed", 1),
        ("<cXML>\n\n\xe9</cXML>".encode("latin-1"), "not utf-8", 3),
        (b'<?xml version="1.0" encoding="ascii"?>\n<cXML>\xe9</cXML>', "not ascii", 2),
        (b'<?xml version="1.0" encoding="UTF-7"?><cXML/>', "encoding utf-7 is not supported", 1),
        (b'<?xml version="1.0" encoding="zlib_codec"?><cXML/>', "zlib_codec is not supported", 1),
        (b"\xff\xfe<\x00c\x00X", "not utf-16-le", 1),
    ],
)
def test_what_is_not_xml(raw: bytes, says: str, line: int) -> None:
    error = refusal(raw)
    assert says in str(error)
    assert error.position == f"line {line}"


def test_a_document_over_the_limit_is_refused_before_it_is_parsed() -> None:
    error = refusal(b"<cXML>" + b" " * MAX_BYTES + b"</cXML>")
    assert "10,000,013 bytes" in str(error)


def test_many_comments_are_skipped_in_one_pass() -> None:
    root, _ = parse(b"<!---->\n" * 60_000 + b"<cXML/>")
    assert where(root) == "line 60001"
    root, _ = parse(b"<!---->\n" * 100_000 + b"<cXML/>")
    assert where(root) == "line 65535 or later"


@pytest.mark.parametrize(
    "raw",
    [
        "<cXML>é</cXML>".encode(),
        b"\xef\xbb\xbf" + "<cXML>é</cXML>".encode(),
        "\ufeff<cXML>é</cXML>".encode("utf-16-le"),
        "\ufeff<cXML>é</cXML>".encode("utf-16-be"),
        "<cXML>é</cXML>".encode("utf-16-le"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><cXML>é</cXML>'.encode("latin-1"),
        "<?xml version='1.0' encoding = 'windows-1252' standalone='yes'?><cXML>é</cXML>".encode("cp1252"),
        '<?xml version="1.0" encoding="UTF-16"?><cXML>é</cXML>'.encode(),
        '\r\n <?xml version="1.0"?>\r\n<cXML>é</cXML>'.encode(),
        "<cXML><![CDATA[é]]><!-- no --></cXML>".encode(),
    ],
)
def test_encodings_and_marks(raw: bytes) -> None:
    root, _ = parse(raw)
    assert root.text == "é"


def test_the_address_of_the_dtd_names_the_version() -> None:
    _, address = parse(f"{SYSTEM}<cXML/>".encode())
    assert version_of(address) == "1.2.050"
    assert version_of("") == ""


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"<Envelope/>", "begins with Envelope"),
        (b'<cXML xmlns="urn:other"/>', "begins with {urn:other}cXML"),
        (b"<cXML/>", "no Header"),
        (ORDER.replace(b"payloadID=", b"id="), "no payloadID"),
        (ORDER.replace(b"Sender>", b"Other>"), "Header has no Sender"),
        (ORDER.replace(b"OrderRequest>", b"ItemOut>").replace(b"Request", b"Rest"), "no Request"),
        (ORDER.replace(b"<OrderRequest>", b"<ProfileRequest/><OrderRequest>"), "holds 2 documents"),
    ],
)
def test_an_envelope_must_be_complete(raw: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        open_envelope(raw)
    assert caught.value.position.startswith("line ")


def test_of_several_credentials_the_one_with_the_secret_counts() -> None:
    second = b'<Sender><Credential domain="DUNS"><Identity>1</Identity></Credential>'
    assert open_envelope(ORDER.replace(b"<Sender>", second)).sender == ("networkid", "AN-BUYER")


@settings(deadline=None)
@given(st.integers(0, len(ORDER) - 1))
def test_a_truncated_document_is_refused_at_every_length(length: int) -> None:
    with pytest.raises(Unreadable):
        open_envelope(ORDER[:length])


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_end_in_a_named_error(raw: bytes) -> None:
    for read in (open_envelope, read_response, INBOUND["cxml"].translate):
        with pytest.raises(Unreadable) as caught:
            read(raw)
        assert caught.value.position.startswith("line ")


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_document_is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ORDER)))
    end = data.draw(st.integers(start, min(start + 40, len(ORDER))))
    damaged = ORDER[:start] + data.draw(st.binary(max_size=8)) + ORDER[end:]
    with suppress(Unreadable):
        open_envelope(damaged)
    with suppress(Unreadable):
        read_order_document(damaged)
