"""The client requirements of SMART App Launch 2.2 by number: the test that covers each, or why none does.

The texts are HL7's and stay where they are; the numbers are those of the Inferno test kit's table.
"""

import ast
import csv

import pytest

from portal.foundation.web import ROOT
from tests.samples import SAMPLES, needs_samples

TABLE = SAMPLES / "ehr" / "smart" / "smart_client_stu2_2_requirements_coverage.csv"
CONTRACT, WIRE, SCOPES = "contracts/test_ehr", "unit/test_smart_wire", "unit/test_smart_scopes"
LAUNCH, REFUSED, TOKENS = (
    "functional/test_ehr_launch",
    "functional/test_ehr_launch_refused",
    "functional/test_ehr_launch_tokens",
)
REQUEST = f"{REFUSED}::test_the_request_carries_everything_and_nothing_more"
ASSERTION = f"{WIRE}::test_an_assertion_holds_what_smart_asks"
KEYS = f"{WIRE}::test_the_published_keys_are_public_whole_and_named_differently"
JWKS = f"{TOKENS}::test_the_keys_are_published_for_caches"
OPENED = f"{CONTRACT}::test_a_launch_gives_tokens_context_and_person"
SYSTEM = f"{CONTRACT}::test_the_portal_itself_reads_all_pages"
LEAST = f"{SCOPES}::test_what_is_asked_for_at_a_launch_is_the_least"
LETTERS = f"{SCOPES}::test_each_letter_covers_its_interactions"
POSTED = f"{LAUNCH}::test_a_request_too_long_for_an_address_is_posted_where_the_ehr_takes_that"
STATE = f"{REFUSED}::test_an_answer_works_in_the_browser_that_asked_only"
SEALED = f"{TOKENS}::test_tokens_are_sealed_at_rest_and_stand_in_no_audit_event"
TLS = f"{WIRE}::test_plain_http_is_refused"
ELSEWHERE = f"{CONTRACT}::test_no_token_goes_to_another_server"
WRITTEN = f"{SCOPES}::test_a_written_scope_reads_as_itself"

COVERED = {
    1: TLS,
    2: REQUEST,
    3: REQUEST,
    4: STATE,
    5: f"{REFUSED}::test_the_ehrs_reason_is_shown_and_its_markup_is_not_run",
    6: f"{REFUSED}::test_the_page_of_a_launch_names_no_token_or_code",
    7: f"{REFUSED}::test_the_page_of_a_launch_names_no_token_or_code",
    8: SEALED,
    9: SEALED,
    10: f"{WIRE}::test_a_missing_key_or_secret_says_what_to_do",
    11: f"{CONTRACT}::test_every_way_to_prove_oneself_works_where_it_is_offered",
    13: f"{CONTRACT}::test_a_code_works_only_with_its_verifier",
    20: f"{TOKENS}::test_an_administrator_adds_checks_and_changes_an_ehr",
    21: f"{TOKENS}::test_an_administrator_adds_checks_and_changes_an_ehr",
    22: JWKS,
    23: f"{TOKENS}::test_a_secret_is_used_where_the_tenant_demands_it",
    29: f"{CONTRACT}::test_the_check_says_what_is_published",
    32: REQUEST,
    33: REQUEST,
    34: REQUEST,
    35: OPENED,
    36: f"{TOKENS}::test_a_clinician_begins_at_the_portal",
    37: LEAST,
    39: STATE,
    40: REQUEST,
    41: f"{REFUSED}::test_the_address_of_an_ehr_is_compared_exactly_but_for_slash_and_host_case",
    44: REQUEST,
    45: REQUEST,
    46: LEAST,
    47: LEAST,
    50: REQUEST,
    51: REQUEST,
    52: POSTED,
    60: STATE,
    61: STATE,
    62: OPENED,
    64: f"{CONTRACT}::test_a_key_that_is_not_published_is_refused",
    65: f"{CONTRACT}::test_every_way_to_prove_oneself_works_where_it_is_offered",
    66: f"{TOKENS}::test_a_secret_is_used_where_the_tenant_demands_it",
    67: OPENED,
    68: f"{CONTRACT}::test_a_code_works_once",
    69: OPENED,
    70: f"{CONTRACT}::test_a_code_works_only_with_its_verifier",
    72: f"{WIRE}::test_a_secret_goes_where_the_tenant_wants_it",
    90: SEALED,
    93: f"{CONTRACT}::test_what_was_granted_can_be_read",
    97: ELSEWHERE,
    98: ELSEWHERE,
    105: f"{CONTRACT}::test_refreshing_keeps_what_can_be_used_next_time",
    106: f"{CONTRACT}::test_refreshing_keeps_what_can_be_used_next_time",
    107: f"{CONTRACT}::test_refreshing_keeps_what_can_be_used_next_time",
    108: f"{CONTRACT}::test_refreshing_keeps_what_can_be_used_next_time",
    117: f"{TOKENS}::test_a_token_about_to_end_is_renewed",
    120: LETTERS,
    121: LETTERS,
    122: LETTERS,
    124: LETTERS,
    125: LETTERS,
    131: LEAST,
    133: POSTED,
    135: f"{SCOPES}::test_what_is_no_resource_scope_allows_nothing",
    137: WRITTEN,
    141: WRITTEN,
    143: f"{SCOPES}::test_the_portal_itself_asks_for_system_scopes",
    146: LETTERS,
    147: f"{CONTRACT}::test_a_smaller_grant_is_read_and_kept_to",
    148: LEAST,
    150: f"{SCOPES}::test_a_standalone_launch_asks_for_its_context",
    151: f"{SCOPES}::test_a_standalone_launch_asks_for_its_context",
    152: f"{SCOPES}::test_a_standalone_launch_asks_for_its_context",
    153: f"{SCOPES}::test_a_standalone_launch_asks_for_its_context",
    155: f"{SCOPES}::test_a_standalone_launch_asks_for_its_context",
    161: OPENED,
    162: LEAST,
    166: f"{TOKENS}::test_a_clinician_begins_at_the_portal",
    191: f"{WIRE}::test_the_launch_context_is_read_as_it_is",
    193: f"{LAUNCH}::test_a_launch_from_the_chart_knows_patient_encounter_and_place",
    195: LEAST,
    196: LEAST,
    201: f"{WIRE}::test_an_id_token_with_a_wrong_claim_is_refused",
    202: f"{CONTRACT}::test_what_was_granted_can_be_read",
    211: REQUEST,
    215: LEAST,
    216: LEAST,
    218: f"{CONTRACT}::test_new_signing_keys_of_the_ehr_are_fetched",
    225: JWKS,
    226: SYSTEM,
    227: f"{CONTRACT}::test_the_check_says_what_is_published",
    229: SYSTEM,
    230: TLS,
    232: TLS,
    233: SYSTEM,
    234: SYSTEM,
    235: SYSTEM,
    236: SYSTEM,
    237: SYSTEM,
    238: SYSTEM,
    239: f"{SCOPES}::test_the_portal_itself_asks_for_system_scopes",
    263: f"{TOKENS}::test_the_portal_itself_reads_implants",
    264: SYSTEM,
    267: ELSEWHERE,
    268: ELSEWHERE,
    290: f"{WIRE}::test_a_missing_key_or_secret_says_what_to_do",
    291: JWKS,
    293: JWKS,
    294: KEYS,
    295: KEYS,
    298: JWKS,
    299: JWKS,
    301: f"{WIRE}::test_the_key_sets_address_is_named_when_it_is_protected",
    302: JWKS,
    303: JWKS,
    307: ASSERTION,
    308: ASSERTION,
    309: ASSERTION,
    313: KEYS,
    314: KEYS,
    315: KEYS,
    317: REQUEST,
    318: TLS,
    319: f"{WIRE}::test_every_assertion_is_for_one_use",
    320: ASSERTION,
    321: ASSERTION,
    322: KEYS,
    323: ASSERTION,
    324: f"{WIRE}::test_the_key_sets_address_is_named_when_it_is_protected",
    325: f"{WIRE}::test_the_key_sets_address_is_named_when_it_is_protected",
    327: ASSERTION,
    328: ASSERTION,
    329: ASSERTION,
    330: ASSERTION,
    331: ASSERTION,
    332: f"{WIRE}::test_every_assertion_is_for_one_use",
    333: OPENED,
    334: OPENED,
    343: f"{CONTRACT}::test_every_way_to_prove_oneself_works_where_it_is_offered",
    345: f"{WIRE}::test_a_secret_goes_where_the_tenant_wants_it",
    379: f"{WIRE}::test_relative_addresses_belong_to_the_fhir_base",
}

BRANDS = "User Access Brands list patient-facing portals; a tenant here is registered by an administrator"
NOT_APPLICABLE = {
    12: "for clients that cannot keep a secret; the portal is a server and keeps its keys",
    42: "an obligation of the server",
    43: "an obligation of the server; the portal sends aud, which every server must take",
    63: "for public clients",
    71: "for public clients",
    132: "the portal asks for no subset of a type by search parameters; such grants are read (see 135)",
    156: "no two contexts of one resource type are asked for",
    157: "no role is asked for",
    158: "no role is asked for",
    219: "the portal represents no scope as a URI",
    220: "the portal represents no scope as a URI",
    242: "the portal uses no user or patient scopes without a launch",
    270: "the portal introspects no token: it reads what was granted in the answer",
    292: "encouragement of servers to register clients dynamically; hospitals register by hand",
    300: "the discouraged way; the key set has an address",
    304: "for clients that cannot host a key set",
    312: "the portal signs with the two algorithms every server must take",
    375: "a permission to leave the Accept header out; the portal sends it",
    413: BRANDS,
    414: BRANDS,
    415: BRANDS,
    416: BRANDS,
    420: BRANDS,
    425: BRANDS,
    426: BRANDS,
    435: BRANDS,
}


@needs_samples
def test_every_requirement_is_decided_once() -> None:
    with TABLE.open(encoding="utf-8-sig", newline="") as file:
        numbers = {int(row["ID"]) for row in csv.DictReader(file)}
    assert set(COVERED) | set(NOT_APPLICABLE) == numbers
    assert not set(COVERED) & set(NOT_APPLICABLE)


@pytest.mark.parametrize("named", sorted(set(COVERED.values())))
def test_every_named_test_exists(named: str) -> None:
    file, _, name = named.partition("::")
    tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_exception_has_a_reason() -> None:
    assert all(len(reason) > 10 for reason in NOT_APPLICABLE.values())
