"""A wrong configuration file says which file, which field, why, and what to do; and it disables its own region or ERP alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.settings import Problem, Settings, load_settings
from sandbox.firm.happening import SOURCES
from tests.builders import CONFIG

ALL_REGIONS = {"amer", "apac", "emea"}
EMEA = Path("regions/emea.yaml")
ERPS = Path("erps.yaml")
MAPPING = Path("mappings/ledgersmb-emea.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the configuration to break."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} does not say {old!r}"
    file.write_text(text.replace(old, new, 1))


def test_the_shipped_configuration_has_no_problem() -> None:
    settings = load_settings(CONFIG)

    assert settings.problems == ()
    assert set(settings.regions) == ALL_REGIONS
    assert set(settings.erps) == set(settings.mappings)


def the_problem(settings: Settings) -> Problem:
    (problem,) = settings.problems
    assert problem.remedy
    assert problem.reason.endswith(".")
    for part in (problem.file, problem.field, problem.reason, problem.disables, problem.remedy):
        assert part in str(problem)
    return problem


BAD_REGIONS: dict[str, tuple[str, str, str, str]] = {
    "an unknown field": ("region: emea", "region: emea\ncolour: red", "colour", "not permitted"),
    "a missing field": ("cloud: tryton-emea\n", "", "cloud", "required"),
    "a phase in the middle of a move": ("starts_in: legacy_only", "starts_in: frozen", "starts_in", "legacy_only"),
    "a period that is none": ("starts_from_period: 2025-01", "starts_from_period: 2025-13", "starts_from_period", "2026-03"),
    "a currency that is none": (
        "functional_currency: EUR",
        "functional_currency: EUX",
        "legal_entities.DE01.functional_currency",
        "ISO 4217",
    ),
    "a functional currency apart": ("currencies: [EUR, USD, GBP]", "currencies: [USD, GBP]", "legal_entities.DE01", "must contain"),
    "a policy that is none": (
        "legal_number_issuer: erp",
        "legal_number_issuer: nobody",
        "legal_entities.DE01.legal_number_issuer",
        "upstream",
    ),
    "a country in words": ("country: DE", "country: Germany", "legal_entities.DE01.country", "pattern"),
    "another region's name": ("region: emea", "region: mars", "legal_entities", "the file is named emea"),
    "a legal entity of another region": ("  UK01:", "  AU01:", "legal_entities", "AU01 belongs to region apac already"),
    "no YAML": ("region: emea", "region: [emea", "(whole file)", "while parsing"),
    "a tab": ("region: emea", "region:\temea\n\tx: 1", "(whole file)", "while scanning"),
}


@pytest.mark.parametrize("what", BAD_REGIONS)
def test_a_bad_region_is_named_and_disables_itself_alone(folder: Path, what: str) -> None:
    old, new, field, reason = BAD_REGIONS[what]
    rewrite(folder / EMEA, old, new)

    settings = load_settings(folder)

    problem = the_problem(settings)
    assert (problem.file, problem.field, problem.disables) == ("config/regions/emea.yaml", field, "region emea")
    assert reason in problem.reason
    assert set(settings.regions) == ALL_REGIONS - {"emea"}
    assert set(settings.erps) == set(load_settings(CONFIG).erps)


def test_the_legal_entities_of_a_disabled_region_are_known_as_such(folder: Path) -> None:
    rewrite(folder / EMEA, "cloud: tryton-emea\n", "")

    settings = load_settings(folder)

    assert settings.firm.disabled_legal_entities == {"DE01", "UK01"}
    assert "DE01" not in settings.firm.region_of


BAD_ERPS: dict[str, tuple[Path, str, str, str, str]] = {
    "an unknown field": (ERPS, "ledgersmb-emea:\n", "ledgersmb-emea:\n    colour: red\n", "erps.ledgersmb-emea.colour", "not permitted"),
    "a dialect in two words": (
        ERPS,
        "ledgersmb-emea:\n    dialect: sql",
        "ledgersmb-emea:\n    dialect: any sql",
        "erps.ledgersmb-emea.dialect",
        "pattern",
    ),
    "no companies": (
        ERPS,
        "ledgersmb-emea:\n",
        "ledgersmb-emea:\n    companies: {}\n  spare:\n",
        "erps.ledgersmb-emea.dialect",
        "required",
    ),
    "an overlap in its mapping": (
        MAPPING,
        "accounts:\n",
        'accounts:\n  - {canonical: "1000", native: "999999"}\n',
        "(whole file)",
        "both select the same lines",
    ),
    "the mapping of another ERP": (MAPPING, "erp: ledgersmb-emea", "erp: ledgersmb-amer", "erp", "says 'ledgersmb-amer'"),
    "no YAML in its mapping": (MAPPING, "erp: ledgersmb-emea", "erp: [ledgersmb-emea", "(whole file)", "while parsing"),
}


@pytest.mark.parametrize("what", BAD_ERPS)
def test_a_bad_erp_is_named_and_disables_itself_alone(folder: Path, what: str) -> None:
    file, old, new, field, reason = BAD_ERPS[what]
    rewrite(folder / file, old, new)

    settings = load_settings(folder)

    problems = {problem.field: problem for problem in settings.problems if problem.disables == "ERP ledgersmb-emea"}
    assert reason in problems[field].reason
    assert problems[field].file == f"config/{file}"
    assert problems[field].remedy
    assert set(load_settings(CONFIG).erps) - set(settings.erps) == {"ledgersmb-emea"}
    assert set(settings.regions) == ALL_REGIONS


def test_an_erp_without_a_mapping_is_named(folder: Path) -> None:
    (folder / MAPPING).unlink()

    settings = load_settings(folder)

    assert the_problem(settings).file == "config/mappings/ledgersmb-emea.yaml"
    assert "ledgersmb-emea" not in settings.erps


@pytest.mark.parametrize("content", ["", "# nothing yet", "valid_from: 2026-13-01"])
def test_an_empty_file_and_a_day_that_does_not_exist_are_named_too(folder: Path, content: str) -> None:
    (folder / EMEA).write_text(content)
    assert the_problem(load_settings(folder)).disables == "region emea"
    assert set(load_settings(folder).regions) == ALL_REGIONS - {"emea"}

    shutil.copy(CONFIG / EMEA, folder / EMEA)
    (folder / MAPPING).write_text(content)
    assert the_problem(load_settings(folder)).disables == "ERP ledgersmb-emea"


@pytest.mark.parametrize("content", ["", "erps: []", "- a list", "just words"])
def test_an_erps_file_without_erps_is_named_and_leaves_the_regions(folder: Path, content: str) -> None:
    (folder / ERPS).write_text(content)

    settings = load_settings(folder)

    assert the_problem(settings).disables == "every ERP"
    assert set(settings.regions) == ALL_REGIONS


@pytest.mark.parametrize("file", ["accounts.yaml", "posting_rules.yaml"])
@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text(""), lambda file: file.write_text("version: [")])
def test_without_chart_or_posting_rules_nothing_starts(folder: Path, file: str, spoil: Callable[[Path], object]) -> None:
    spoil(folder / file)

    with pytest.raises(ConfigurationError, match=file):
        load_settings(folder)


def test_a_file_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / EMEA).write_bytes(b"region: \xff\xfe")

    assert the_problem(load_settings(folder)).file == "config/regions/emea.yaml"


def test_every_problem_is_told_at_once(folder: Path) -> None:
    rewrite(folder / EMEA, "country: DE", "country: Germany")
    rewrite(folder / EMEA, "functional_currency: GBP", "functional_currency: pounds")
    rewrite(folder / MAPPING, "erp: ledgersmb-emea", "erp: [")

    assert len(load_settings(folder).problems) == 3


def test_the_fingerprint_changes_with_every_file(folder: Path) -> None:
    before = load_settings(folder).fingerprint
    assert before == load_settings(folder).fingerprint

    rewrite(folder / EMEA, "name: Europe", "name: Europa")

    assert load_settings(folder).fingerprint != before


def test_a_region_on_an_erp_that_is_configured_nowhere_is_disabled_alone(folder: Path) -> None:
    rewrite(folder / "regions/amer.yaml", "cloud: tryton-amer", "cloud: tryton-atlantis")

    settings = load_settings(folder)

    assert "tryton-atlantis" in the_problem(settings).reason
    assert set(settings.regions) == ALL_REGIONS - {"amer"}


def test_a_mapping_to_a_canonical_account_that_does_not_exist_disables_its_erp_alone(folder: Path) -> None:
    rewrite(folder / MAPPING, 'canonical: "1000"', 'canonical: "1099"')

    settings = load_settings(folder)

    assert "1099" in the_problem(settings).reason
    assert "ledgersmb-emea" not in settings.erps
    assert set(settings.regions) == ALL_REGIONS


BAD_TOLERANCE = """    - difference: rounding
      amount: "1.00"
      owner: Somebody else
      reason: another word on the same thing
      expires_on: 2030-12-31
  ignored:"""

BAD_PLANS: dict[str, tuple[str, str, str, str]] = {
    "an unknown field": ("  clearing_account:", "  colour: red\n  clearing_account:", "plan.colour", "not permitted"),
    "a class that is none": ("- difference: rounding", "- difference: bad_luck", "plan.tolerances.0.difference", "in_flight"),
    "a tolerance for what nothing explains": (
        "- difference: rounding",
        "- difference: unexplained",
        "plan.tolerances.0",
        "never tolerated",
    ),
    "a tolerance without an owner": (
        "      owner: Controller EMEA\n      reason: the cloud",
        "      reason: the cloud",
        "plan.tolerances.0.owner",
        "required",
    ),
    "a tolerance without an end": ("      expires_on: 2030-12-31\n", "", "plan.tolerances.0.expires_on", "required"),
    "a tolerance below zero": ('amount: "0.05"', 'amount: "-0.05"', "plan.tolerances.0.amount", "greater than or equal"),
    "an amount to ignore": ("aspect: issue date", "aspect: amount", "plan.ignored.0.aspect", "legal number"),
    "a customer to ignore": ("aspect: issue date", "aspect: customer", "plan.ignored.0.aspect", "legal number"),
    "a scope that is none": ("scope: out_of_scope", "scope: forgotten", "plan.scope.legacy.0.scope", "out_of_scope"),
    "an account left out without a total": ('        control_total: "0.00"\n', "", "plan.scope.legacy.0", "control_total"),
    "billing apart without a bridge": ("[project, billing, ledger]", "[project, billing]", "plan", "bridge_account"),
    "a clearing account of nobody": ('clearing_account: "2950"', 'clearing_account: "2999"', "plan", "2999"),
    "two tolerances for one class": ("  ignored:", BAD_TOLERANCE, "plan", "two tolerances for rounding"),
}


@pytest.mark.parametrize("what", BAD_PLANS)
def test_a_bad_plan_disables_the_move_of_its_region_and_no_posting(folder: Path, what: str) -> None:
    old, new, field, reason = BAD_PLANS[what]
    rewrite(folder / EMEA, old, new)

    settings = load_settings(folder, today=date(2026, 11, 20))

    problem = the_problem(settings)
    assert (problem.file, problem.field, problem.disables) == ("config/regions/emea.yaml", field, "the move of region emea")
    assert reason in problem.reason
    assert set(settings.regions) == ALL_REGIONS
    assert settings.moving == {"emea"}
    with pytest.raises(ConfigurationError, match="no plan in order"):
        settings.plan("emea")


def test_a_rule_that_has_ended_is_told_and_the_region_goes_on(folder: Path) -> None:
    assert load_settings(folder, today=date(2030, 12, 31)).problems == ()

    settings = load_settings(folder, today=date(2031, 1, 1))

    assert {problem.field for problem in settings.problems} == {"plan.tolerances.0", "plan.ignored.0"}
    assert {problem.disables for problem in settings.problems} == {"the reconciliation of region emea"}
    assert settings.plan("emea").tolerances


def test_a_region_that_stays_has_no_plan_and_an_unknown_one_is_named() -> None:
    settings = load_settings(CONFIG)

    with pytest.raises(ConfigurationError, match="no section `plan`"):
        settings.plan("apac")
    with pytest.raises(ConfigurationError, match="There is no region mars; known are amer, apac, emea"):
        settings.plan("mars")


def test_an_erps_link_leads_to_a_document_by_its_native_id(folder: Path) -> None:
    rewrite(folder / ERPS, "tryton-emea:\n", 'tryton-emea:\n    document_link: "https://erp.example/#{database}/model/{type}/{id}"\n')

    erp = load_settings(folder).erps["tryton-emea"]

    assert erp.link("DE01", "account.move,5") == "https://erp.example/#tryton_de01/model/account.move/5"
    assert erp.link("US01", "account.move,5") is None
    assert load_settings(folder).erps["ledgersmb-emea"].link("DE01", "gl,5") is None


@pytest.mark.parametrize("link", ["javascript:alert({id})", "https://erp.example/{password}", "https://erp.example/{id.__class__.x}"])
def test_a_link_of_another_kind_is_refused(folder: Path, link: str) -> None:
    rewrite(folder / ERPS, "tryton-emea:\n", f'tryton-emea:\n    document_link: "{link}"\n')

    assert "tryton-emea" not in load_settings(folder).erps


SOURCES_FILE = Path("sources.yaml")
BAD_SOURCES: dict[str, tuple[str, str, str, str]] = {
    "an unknown field": ("description: Customers", "description: Customers\n    colour: red", "sources.crm.colour", "not permitted"),
    "a document type that is none": ("[customer]", "[telegram]", "sources.crm.document_types.0", "customer"),
    "no document types": ("[customer]", "[]", "sources.crm.document_types", "at least 1"),
    "a region that is none": ("regions: [emea, amer, apac]", "regions: [mars]", "sources.crm", "mars is no region"),
    "a legal entity that is none": ("regions: [emea, amer, apac]", "legal_entities: [XX99]", "sources.crm", "XX99 is no legal entity"),
    "nobody to speak for": ("regions: [emea, amer, apac]", "regions: []", "sources.crm", "whom it speaks for"),
    "keys over a line that anybody reads": (
        "description: Customers",
        "description: Customers\n    oauth: {issuer: 'https://i', audience: a, client_id: c, jwks_url: 'http://i.example.com/keys'}",
        "sources.crm.oauth.jwks_url",
        "pattern",
    ),
    "any client of an issuer": (
        "description: Customers",
        "description: Customers\n    oauth: {issuer: 'https://i', audience: a, jwks_url: 'https://i/keys'}",
        "sources.crm.oauth",
        "subject or client_id",
    ),
}


@pytest.mark.parametrize("what", BAD_SOURCES)
def test_a_wrong_source_disables_itself_alone(folder: Path, what: str) -> None:
    old, new, field, reason = BAD_SOURCES[what]
    rewrite(folder / SOURCES_FILE, old, new)

    settings = load_settings(folder)

    problem = the_problem(settings)
    assert (problem.file, problem.field, problem.disables) == ("config/sources.yaml", field, "source crm")
    assert reason in problem.reason
    assert "crm" not in settings.sources
    assert {"psa", "billing"} <= set(settings.sources)
    assert set(settings.regions) == ALL_REGIONS


@pytest.mark.parametrize("name", ["hybrid-erp/load", '"two words"', '""', "münchen"])
def test_a_source_is_what_an_event_can_bear_and_never_the_products_own(folder: Path, name: str) -> None:
    rewrite(folder / SOURCES_FILE, "  crm:", f"  {name}:")

    assert "visible ASCII" in the_problem(load_settings(folder)).reason


def test_two_sources_are_never_one_client(folder: Path) -> None:
    client = "oauth: {issuer: 'https://i', audience: a, client_id: c, jwks_url: 'https://i/keys'}"
    for source in ("description: Customers", "description: Contracts and rate cards"):
        rewrite(folder / SOURCES_FILE, source, f"{source}\n    {client}")

    problem = the_problem(load_settings(folder))

    assert problem.disables == "source clm"
    assert "crm" in problem.reason


@pytest.mark.parametrize("content", ["", "sources: []", "[", "other: {}", "sources: {}\nother: {}"])
def test_a_wrong_file_of_sources_disables_every_source_and_no_region(folder: Path, content: str) -> None:
    (folder / SOURCES_FILE).write_text(content)

    settings = load_settings(folder)

    assert the_problem(settings).disables == "every source"
    assert settings.sources == {}
    assert set(settings.regions) == ALL_REGIONS


def test_without_a_file_of_sources_nothing_is_wrong(folder: Path) -> None:
    (folder / SOURCES_FILE).unlink()

    settings = load_settings(folder)

    assert (settings.problems, settings.sources) == ((), {})


def test_a_source_outlives_a_region_that_is_wrong(folder: Path) -> None:
    rewrite(folder / EMEA, "region: emea", "region: emea\ncolour: red")

    settings = load_settings(folder)

    assert "crm" in settings.sources
    assert settings.spoken_for("crm") == {"US01", "CA01", "AU01", "SG01"}


def test_every_source_of_the_firm_is_configured_with_what_it_sends() -> None:
    sources = load_settings(CONFIG).sources

    for document_type, source in SOURCES.items():
        assert document_type in sources[source].document_types


RETENTION_FILE = Path("retention.yaml")
BAD_RETENTION: dict[str, tuple[str, str, str, str]] = {
    "an unknown field": ("dry_run: true", "dry: true", "dry", "not permitted"),
    "a rule without an owner": ("    owner: Data protection officer\n", "", "rules.0.owner", "required"),
    "no time at all": ("days: 1095", "days: 0", "rules.0.days", "greater than or equal to 1"),
    "a region that is none": ("regions: [emea, amer, apac]", "regions: [mars]", "rules.0.regions", "mars is no region"),
    "two rules for one type": (
        "[customer, worker]",
        "[customer, expense]",
        "(whole file)",
        "two rules say how long expense of amer is kept",
    ),
}


@pytest.mark.parametrize("what", BAD_RETENTION)
def test_a_wrong_retention_erases_nothing(folder: Path, what: str) -> None:
    old, new, field, reason = BAD_RETENTION[what]
    rewrite(folder / RETENTION_FILE, old, new)

    settings = load_settings(folder)

    problem = the_problem(settings)
    assert (problem.file, problem.field, problem.disables) == ("config/retention.yaml", field, "the erasure of payloads")
    assert reason in problem.reason
    assert settings.retention is None


def test_without_a_retention_nothing_is_erased_and_nothing_is_wrong(folder: Path) -> None:
    (folder / RETENTION_FILE).unlink()

    settings = load_settings(folder)

    assert (settings.retention, settings.problems) == (None, ())
