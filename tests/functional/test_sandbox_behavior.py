"""Scripted behavior of the sandboxes: rules, their JSON interface and the control page."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.sandbox.behavior import ERP_EFFECTS, NETWORK_EFFECTS, Effect, Rule, Script
from integrations.sandbox.control import control


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "behavior.db", effects=NETWORK_EFFECTS, requests=("order", "profile"))


@pytest.fixture
def client(script: Script) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(control(script, title="A partner", documents=lambda: {"orders": [{"id": "1"}]}))
    return app.test_client()


def test_a_rule_is_taken_as_often_as_it_says_and_only_where_it_matches(script: Script) -> None:
    script.add(Rule(Effect.REJECT, "no", request="order", item="GLOVE", remaining=2))
    assert script.take("profile", items=["GLOVE"]).rules == ()
    assert script.take("order", items=["MASK"]).rules == ()
    for _ in range(2):
        found = script.take("order", items=["MASK", "GLOVE"]).find(Effect.REJECT, "GLOVE")
        assert found is not None
        assert found.value == "no"
    assert script.take("order", items=["GLOVE"]).rules == ()
    assert script.rules()[0].taken == 2


def test_two_rules_with_one_effect_are_taken_one_after_the_other(script: Script) -> None:
    script.add(Rule(Effect.SLOW, "1"))
    script.add(Rule(Effect.SLOW, "2"))
    assert [script.take("order").rules[0].value for _ in range(2)] == ["1", "2"]


def test_rules_of_different_items_apply_to_one_request(script: Script) -> None:
    script.add(Rule(Effect.PARTIAL, "1", item="GLOVE"))
    script.add(Rule(Effect.PARTIAL, "2", item="MASK"))
    plan = script.take("order", items=["GLOVE", "MASK"])
    assert [rule.value for item in ("GLOVE", "MASK") if (rule := plan.find(Effect.PARTIAL, item))] == [
        "1",
        "2",
    ]


def test_rules_outlive_the_process(tmp_path: Path) -> None:
    first = Script(tmp_path / "b.db", effects=ERP_EFFECTS, requests=("order",))
    first.add(Rule(Effect.MALFORMED, remaining=None))
    again = Script(tmp_path / "b.db", effects=ERP_EFFECTS, requests=("order",))
    for _ in range(3):
        assert again.take("order").find(Effect.MALFORMED) is not None


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(Effect.PARTIAL), "knows no effect partial"),
        (Rule(Effect.SLOW, "soon"), "seconds must be a number"),
        (Rule(Effect.SLOW, "NaN"), "seconds must be a number"),
        (Rule(Effect.SLOW, "-1"), "seconds must be a number"),
        (Rule(Effect.SLOW, remaining=0), "1 or more"),
        (Rule(Effect.SLOW, request="tea"), "unknown request 'tea'"),
    ],
)
def test_a_wrong_rule_is_refused_with_a_sentence(tmp_path: Path, rule: Rule, words: str) -> None:
    script = Script(tmp_path / "b.db", effects=ERP_EFFECTS, requests=("order",))
    with pytest.raises(ValueError, match=words):
        script.add(rule)
    assert script.rules() == ()


def test_json_interface_adds_lists_and_clears(client: FlaskClient) -> None:
    added = client.post("/sandbox/behavior", json={"effect": "too_many", "value": "3", "remaining": None})
    assert added.status_code == 201
    assert added.get_json()["remaining"] is None
    client.post("/sandbox/behavior", json={"effect": "reject"})
    rules = client.get("/sandbox/behavior").get_json()["rules"]
    assert [rule["effect"] for rule in rules] == ["too_many", "reject"]
    assert rules[1]["remaining"] == 1
    assert client.delete(f"/sandbox/behavior/{rules[0]['id']}").get_json() == {"removed": 1}
    assert client.delete("/sandbox/behavior").get_json() == {"removed": 1}
    assert client.get("/sandbox/documents").get_json() == {"orders": [{"id": "1"}]}
    assert client.get("/sandbox/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"effect": "explode"},
        {"effect": "slow", "often": 1},
        {"effect": "slow", "remaining": -1},
    ],
)
def test_json_interface_refuses_nonsense_with_a_sentence(client: FlaskClient, body: object) -> None:
    answer = client.post("/sandbox/behavior", json=body)
    assert answer.status_code == 400
    assert len(answer.get_json()["error"]) > 10


def test_the_page_works_without_javascript(client: FlaskClient) -> None:
    form = {"effect": "price_change", "value": "12.50", "request": "order", "item": "GLOVE", "remaining": ""}
    assert client.post("/sandbox/rules", data=form).status_code == 303
    page = client.get("/sandbox/").get_data(as_text=True)
    assert "12.50 (unit price)" in page
    assert "always" in page
    assert "<script" not in page
    client.post("/sandbox/rules/clear")
    assert "Nothing: every request" in client.get("/sandbox/").get_data(as_text=True)


def test_the_page_keeps_what_was_typed_when_it_refuses(client: FlaskClient) -> None:
    answer = client.post("/sandbox/rules", data={"effect": "slow", "value": "<soon>", "item": "GLOVE"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert 'value="&lt;soon&gt;"' in page
    assert 'value="GLOVE"' in page
