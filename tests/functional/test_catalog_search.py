"""The search finds items by words, synonyms, typos, numbers and barcodes, and narrows them down."""

import re
from datetime import UTC, datetime

import pytest

from integrations.canonical import Lifecycle
from integrations.formats.udi.hibc import check_character
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.masterdata.models import DeviceIdentifier, ItemCategory, Supplier
from portal.requisitions import services as requisitions
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import guided, in_cart, offered, stocked, submitted, synonym
from tests.statements import recorded
from tests.visitor import Visitor

GTIN = "09506000134352"
HIBC = "A123BJC5D6E71"
NAME = re.compile(r'<a href="/catalog/items/\d+">([^<]+)</a>')


@pytest.fixture
def catalog(hospital: Hospital) -> Hospital:
    """Gloves, masks, underpads and a catheter with numbers and a barcode."""
    with transaction():
        offered(hospital, "M-1", "Oxygen mask, adult", category="Respiratory", contract=False, price="3.00")
        offered(hospital, "M-2", "Oxygen mask, child", category="Respiratory", price="2.00")
        underpad = offered(
            hospital, "U-1", "Underpad, 23 x 36 in", manufacturer="Vellora", manufacturer_part="vu-23"
        )
        offered(hospital, "F-16", "Foley catheter, 16 Fr", gtin=GTIN)
        offered(hospital, "OLD-1", "Oxygen hood", lifecycle=Lifecycle.DISCONTINUED)
        synonym("blue pad", "underpad")
        synonym("chux", "underpad")
        db.session.add(DeviceIdentifier(identifier=HIBC, item_id=underpad.item_id, uom="BX"))
    return hospital


@pytest.fixture
def manager(catalog: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(catalog.email(Role.CLINIC_MANAGER))
    return client


def found(client: Visitor, **arguments: str) -> list[str]:
    """The items of the results, in their order."""
    answer = client.get("/catalog", query_string=arguments)
    assert answer.status_code == 200
    return NAME.findall(answer.get_data(as_text=True).partition('id="results"')[2])


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("underpad", "Underpad, 23 x 36 in"),
        ("under", "Underpad, 23 x 36 in"),
        ("UNDERPADS", "Underpad, 23 x 36 in"),
        ("chux", "Underpad, 23 x 36 in"),
        ("Blue  Pad", "Underpad, 23 x 36 in"),
        ("chux 23", "Underpad, 23 x 36 in"),
        ("chux pad", "Underpad, 23 x 36 in"),
        ("23x36 chux", "Underpad, 23 x 36 in"),
        ("16fr fole", "Foley catheter, 16 Fr"),
        ("cathater foly 16fr", "Foley catheter, 16 Fr"),
        ("cathater 16", "Foley catheter, 16 Fr"),
        ("foly", "Foley catheter, 16 Fr"),
        ("the foley catheter", "Foley catheter, 16 Fr"),
        ("U-1", "Underpad, 23 x 36 in"),
        ("u-1", "Underpad, 23 x 36 in"),
        ("VU-23", "Underpad, 23 x 36 in"),
        ("s-u-1", "Underpad, 23 x 36 in"),
        (GTIN, "Foley catheter, 16 Fr"),
        (GTIN[1:], "Foley catheter, 16 Fr"),
        (f"(01){GTIN}(17)261231(10)AB-1", "Foley catheter, 16 Fr"),
        (f"01{GTIN}17261231\x1d10AB-1", "Foley catheter, 16 Fr"),
        (f"]d201{GTIN}10AB-1", "Foley catheter, 16 Fr"),
        (f"+{HIBC}{check_character(f'+{HIBC}')}", "Underpad, 23 x 36 in"),
    ],
)
def test_an_item_is_found_however_it_is_called(manager: Visitor, words: str, first: str) -> None:
    assert found(manager, q=words)[:1] == [first]


def test_all_words_must_be_there(manager: Visitor) -> None:
    assert found(manager, q="mask child") == ["Oxygen mask, child"]


@pytest.mark.parametrize(
    "words",
    [
        "zzzz",
        "'",
        "a'b",
        ":*",
        "& |",
        "!",
        "(01)",
        "%",
        "_",
        "\\",
        "\0",
        "gloves'; --",
        "é" * 300,
        "x " * 200,
        "١٢",
    ],
)
def test_odd_words_find_nothing_and_say_what_to_do(manager: Visitor, words: str) -> None:
    for page in ("/catalog", "/catalog/results"):
        answer = manager.get(page, query_string={"q": words})
        assert answer.status_code == 200
    text = manager.get("/catalog", query_string={"q": "zzzz"}).get_data(as_text=True)
    assert "Nothing found" in text
    assert "Check the spelling" in text


def test_no_barcode_is_not_the_barcode_zero(manager: Visitor) -> None:
    assert found(manager, q="00000000000000") == []


def test_the_number_of_a_document_is_looked_for_among_documents(manager: Visitor) -> None:
    answer = manager.get("/catalog?q=+po26-0000001")
    assert (answer.status_code, answer.location) == (302, "/operations/find?q=po26-0000001")
    assert manager.get(answer.location).status_code == 200
    assert "/operations/find?q=4500000024" in manager.get("/catalog/results?q=4500000024").get_data(
        as_text=True
    )


def test_similar_spellings_are_said_to_be_so(manager: Visitor) -> None:
    text = manager.get("/catalog?q=oxigen").get_data(as_text=True)
    assert "spelled like it" in text
    assert "Oxygen mask, adult" in text
    assert "spelled like it" not in manager.get("/catalog?q=oxygen").get_data(as_text=True)
    for typo in ("oxyegn mask", "oxgen mask", "oxygenn msak"):
        assert "Oxygen mask, adult" in found(manager, q=typo)


def test_filters_narrow_and_sorting_orders(manager: Visitor, catalog: Hospital) -> None:
    assert found(manager, q="oxygen", category="Respiratory", sort="price") == [
        "Oxygen mask, child",
        "Oxygen mask, adult",
    ]
    assert found(manager, q="oxygen", sort="-price")[0] == "Oxygen hood"
    assert found(manager, q="mask", contract="y") == ["Oxygen mask, child"]
    with transaction():
        other = Supplier(code="17300009", name="Northmere", network_id="AN-2")
        db.session.add(other)
    assert found(manager, supplier=str(other.id)) == []
    assert len(found(manager, supplier=str(catalog.supplier.id))) == 7
    for nonsense in ("x", "-1", "9" * 40):
        assert found(manager, supplier=nonsense, sort=nonsense, page="1")


def test_what_cannot_be_requested_comes_last_and_says_why(manager: Visitor) -> None:
    assert found(manager, q="oxygen")[-1] == "Oxygen hood"
    text = manager.get("/catalog?q=hood").get_data(as_text=True)
    assert "Discontinued: choose a substitute." in text
    assert 'action="/cart/lines"' not in text


def test_a_row_tells_price_pack_contract_and_stock(manager: Visitor, catalog: Hospital) -> None:
    with transaction():
        stocked(catalog.actor(Role.RECEIVER), catalog.clinic, catalog.gloves.id, 40)
    text = manager.get("/catalog?q=GLOVE-M").get_data(as_text=True)
    for shown in ("BX of 10 EA", "$7.25", "$0.725", "Contract", "Harborline Medical", "S-GLOVE-M"):
        assert shown in text
    assert re.search(r'data-label="On hand here"><span class="quantity">40', text)


def test_typing_shows_the_best_few_as_a_fragment(manager: Visitor) -> None:
    text = manager.get("/catalog/results?q=oxyg").get_data(as_text=True)
    assert text.lstrip().startswith("<ul>")
    assert "Oxygen mask, child" in text
    assert "/catalog?q=oxyg" in text
    assert manager.get("/catalog/results?q=o").get_data(as_text=True).strip() == ""
    assert "No item found" in manager.get("/catalog/results?q=zzzz").get_data(as_text=True)


def test_the_page_stays_small_and_its_queries_few(hospital: Hospital, client: Visitor) -> None:
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    client.get("/catalog?q=mask")
    with recorded() as few:
        client.get("/catalog?q=glove")
    with transaction():
        for number in range(60):
            offered(hospital, f"G-{number}", f"Exam glove, nitrile, powder free, size {number}, 100 per box")
    with recorded() as many:
        answer = client.get("/catalog?q=glove")
    assert "1–25</span> of <span" in answer.get_data(as_text=True)
    assert len(answer.data) < 100_000
    assert len(many) == len(few)
    assert found(client, q="glove", page="3")
    assert client.get("/catalog?q=glove&page=99999").status_code == 200


def test_people_without_requests_may_look_but_not_add(catalog: Hospital, client: Visitor) -> None:
    client.sign_in(catalog.email(Role.BUYER))
    text = client.get("/catalog?q=mask").get_data(as_text=True)
    assert "Oxygen mask, child" in text
    assert 'action="/cart/lines"' not in text


def facet(text: str, name: str) -> dict[str, str]:
    """The choices of a facet, by value."""
    select = re.search(rf'<select class="form-select"\s+id="{name}".*?</select>', text, re.DOTALL)
    assert select
    return dict(re.findall(r'<option value="([^"]*)"[^>]*>\s*([^<]*?)\s*</option>', select.group()))


def test_facets_count_what_each_choice_would_leave(manager: Visitor, catalog: Hospital) -> None:
    text = manager.get("/catalog?q=oxygen&category=Respiratory").get_data(as_text=True)
    assert facet(text, "category") == {
        "": "All categories",
        "Med-surg": "Med-surg (1)",
        "Respiratory": "Respiratory (2)",
    }
    assert facet(text, "supplier")[str(catalog.supplier.id)] == "Harborline Medical (2)"
    assert facet(text, "contract")[str(catalog.contract.id)] == "C-1001 (1)"
    assert found(manager, q="oxygen", contract=str(catalog.contract.id), category="Respiratory") == [
        "Oxygen mask, child"
    ]
    everything = manager.get("/catalog").get_data(as_text=True)
    assert facet(everything, "category")["Respiratory"] == "Respiratory (2)"
    assert facet(everything, "manufacturer")["Vellora"] == "Vellora (1)"
    assert found(manager, manufacturer="Vellora") == ["Underpad, 23 x 36 in"]
    assert found(manager, lots="y") == ["Urinary catheter, 14 Fr"]


def test_a_category_includes_what_stands_below_it(manager: Visitor, catalog: Hospital) -> None:
    with transaction():
        db.session.add(ItemCategory(name="Respiratory", parent="Breathing"))
    masks = ["Oxygen mask, adult", "Oxygen mask, child"]
    for words in ("oxygen", ""):
        assert sorted(found(manager, q=words, category="Breathing")) == masks
        text = manager.get(f"/catalog?q={words}").get_data(as_text=True)
        assert facet(text, "category")["Breathing"] == "Breathing (2)"
        assert "Respiratory" not in facet(text, "category"), "what is below opens with the choice"
        text = manager.get(f"/catalog?q={words}&category=Breathing").get_data(as_text=True)
        assert ">\u2003Respiratory (2)<" in text
        assert "category=Respiratory" in text
    text = manager.get("/catalog?category=Respiratory&page=1").get_data(as_text=True)
    assert 'href="/catalog?category=Breathing"' in text, "the way back up"
    assert sorted(found(manager, category="Respiratory")) == masks


def test_what_the_place_keeps_comes_first_and_can_be_asked_for(manager: Visitor, catalog: Hospital) -> None:
    with transaction():
        child = offered(catalog, "M-9", "Zipped oxygen mask", contract=False)
        guided(catalog.clinic, {child: 1})
        stocked(catalog.actor(Role.RECEIVER), catalog.clinic, catalog.catheter.id, 4)
    assert found(manager, q="mask")[0] == "Zipped oxygen mask"
    for words in ("mask", ""):
        assert found(manager, q=words, guide="y") == ["Zipped oxygen mask"]
        text = manager.get(f"/catalog?q={words}").get_data(as_text=True)
        assert "On the order guide (1)" in text
    assert found(manager, stocked="y") == ["Urinary catheter, 14 Fr"]
    assert found(manager, stocked="y", guide="y") == []


def test_a_row_tells_when_it_was_last_asked_for_and_by_whom(manager: Visitor, catalog: Hospital) -> None:
    submitted(catalog, {catalog.gloves_offer: 1})
    text = manager.get("/catalog?q=GLOVE-M").get_data(as_text=True)
    assert re.search(r"Last: \w+ \d+, \d{4} by Clinic manager", text)


def test_what_was_taken_back_is_not_what_was_asked_for_last(manager: Visitor, catalog: Hospital) -> None:
    def told() -> list[str]:
        return re.findall(r"Last: (\w+ \d+)", manager.get("/catalog?q=GLOVE-M").get_data(as_text=True))

    first = submitted(catalog, {catalog.gloves_offer: 1})
    second = submitted(catalog, {catalog.gloves_offer: 2, catalog.catheter_offer: 1})
    with transaction():
        first.submitted_at, second.submitted_at = (datetime(2026, 3, day, 12, tzinfo=UTC) for day in (2, 4))
    assert told() == ["Mar 4"]
    for requisition, left in ((second, ["Mar 2"]), (first, [])):
        with transaction():
            requisitions.withdraw(catalog.actor(Role.CLINIC_MANAGER), requisition.id)
        assert told() == left


def test_an_item_was_asked_for_where_it_goes_to(manager: Visitor, catalog: Hospital) -> None:
    cart = in_cart(catalog, {catalog.gloves_offer: 1, catalog.catheter_offer: 1})
    with transaction():
        (line,) = (one for one in cart.lines if one.offer_id == catalog.gloves_offer.id)
        line.location = catalog.storeroom
    with transaction():
        again = requisitions.cart(catalog.actor(Role.CLINIC_MANAGER), catalog.clinic.id)
        requisitions.submit(catalog.actor(Role.CLINIC_MANAGER), again.id, seen_version=again.version)
    for place, gloves in ((catalog.clinic, False), (catalog.storeroom, True)):
        text = manager.get(f"/catalog?q=GLOVE-M&location={place.id}").get_data(as_text=True)
        assert ("Last: " in text) is gloves


def test_what_is_drawn_once_is_escaped(manager: Visitor, catalog: Hospital) -> None:
    with transaction():
        offered(catalog, "X-1", 'Zinc <b>tape</b>"')
    for _ in range(2):
        text = manager.get("/catalog?q=zinc").get_data(as_text=True)
        assert "Zinc &lt;b&gt;tape&lt;/b&gt;&#34;" in text
        assert "<b>tape" not in text


def test_taking_back_an_older_one_changes_nothing(manager: Visitor, catalog: Hospital) -> None:
    first = submitted(catalog, {catalog.gloves_offer: 1})
    submitted(catalog, {catalog.gloves_offer: 2})
    with transaction():
        requisitions.withdraw(catalog.actor(Role.CLINIC_MANAGER), first.id)
    assert "Last: " in manager.get("/catalog?q=GLOVE-M").get_data(as_text=True)


def test_beyond_the_most_the_page_says_so_and_filters_still_reach_everything(
    manager: Visitor, catalog: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.catalog.search.MOST", 2)
    with transaction():
        for number in range(6):
            offered(catalog, f"W-{number}", f"Wipe {number}", category="Wipes" if number else "Cloths")
        db.session.add(Supplier(code="17300009", name="Northmere", network_id="AN-2"))
    text = manager.get("/catalog?q=wipe").get_data(as_text=True)
    assert "More than 1,000 offers match" in text
    assert "+)" in facet(text, "category")["Wipes"], "counts are the least there is"
    assert found(manager, q="wipe", category="Cloths") == ["Wipe 0"]


def test_another_organization_is_never_searched(manager: Visitor, catalog: Hospital) -> None:
    with transaction():
        other = hospitals.build()
        offered(other, "SECRET-1", "Unicorn drape", manufacturer="Elsewhere")
    enter_organization(catalog.organization.id)
    for words in ("unicorn drape", "SECRET-1", "S-SECRET-1", "unicron drape"):
        assert found(manager, q=words) == []
    assert "Elsewhere" not in manager.get("/catalog").get_data(as_text=True)
