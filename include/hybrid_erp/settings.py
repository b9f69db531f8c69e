"""The configuration folder as checked models. A bad file disables its own region or ERP, visibly, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hybrid_erp.model.delivery import Role
from hybrid_erp.model.documents import DocumentType, JournalType
from hybrid_erp.model.errors import ConfigurationError
from hybrid_erp.model.firm import ClosedBooks, Firm
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.money import Currency
from hybrid_erp.model.ownership import AccountingPeriod, LegalEntity, Phase
from hybrid_erp.model.posting_rules import PostingRules
from hybrid_erp.model.region_plan import RegionPlan

M = TypeVar("M", bound=BaseModel)
_SOURCE: Final = re.compile(r"(?!hybrid-erp/)[\x21-\x7e]{1,200}")
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CompanySettings(_Settings):
    """One legal entity inside an ERP: the connection that reaches it and who must answer there."""

    connection: str = Field(description="Airflow Connection of the control credential; `_candidate` and `_run_off` name the others.")
    company: str
    database: str


class ErpSettings(_Settings):
    """One configured ERP."""

    dialect: Identifier
    pack: Identifier | None = None
    slots: Annotated[int, Field(ge=1, le=64)] = 2
    candidate_slots: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="Concurrent deliveries of copies; half of `slots` unless stated."
    )
    lease_seconds: Annotated[int, Field(ge=10, le=3600)] = 90
    acknowledged_warnings: tuple[str, ...] = ()
    not_kept: frozenset[DocumentType] = Field(
        default=frozenset(), description="Documents that this ERP does not hold; they are done with when it owns them."
    )
    look_up_horizon_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = Field(
        default=None, description="After how long a request cannot take effect any more; measured by the ERP's owner."
    )
    request_seconds_max: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None, description="The longest that the ERP lets any request run; a lock-out over HTTP waits so long until all is quiet."
    )
    period_run_journals: dict[str, Identifier] = Field(
        default_factory=dict, description="Journals of this ERP that a periodic run posts in: code to the run's name in the region's plan."
    )
    quieted: dict[str, Annotated[str, Field(min_length=3, max_length=200)]] = Field(
        default_factory=dict, description="What could print, send, dun or collect a copy here, and the native means by which it does not."
    )
    document_link: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = Field(
        default=None, description="Where people find a document: with {database}, {company}, and {type} and {id} of its native id."
    )
    companies: Annotated[dict[LegalEntity, CompanySettings], Field(min_length=1)]

    def link(self, legal_entity: str, native_id: str) -> str | None:
        """The address of a document for people, by its native id like `account.move,5`; None where none is configured."""
        native_type, _, number = native_id.rpartition(",")
        company = self.companies.get(legal_entity)
        if self.document_link is None or company is None or not native_type:
            return None
        terms = {"database": company.database, "company": company.company, "type": native_type, "id": number}
        return self.document_link.format(**{name: quote(value, safe="") for name, value in terms.items()})

    @model_validator(mode="after")
    def its_link_names_what_is_known(self) -> Self:
        """A document's address is made of four words alone."""
        try:
            (self.document_link or "").format(database="", company="", type="", id="")
        except (AttributeError, LookupError, ValueError) as error:
            raise ValueError(f"document_link knows {{database}}, {{company}}, {{type}} and {{id}} alone: {error}") from None
        return self

    def slots_of(self, role: Role) -> int:
        """How many companies may be delivered to at once as a role; pinned entities go with what the ERP owns."""
        if role is not Role.CANDIDATE:
            return self.slots
        return self.candidate_slots or max(1, self.slots // 2)


class LegalEntitySettings(_Settings):
    """One legal entity, alike for both ERPs."""

    name: str
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    functional_currency: Currency
    currencies: Annotated[tuple[Currency, ...], Field(min_length=1)]
    legal_number_issuer: Literal["erp", "upstream"] = "erp"
    closed_through: AccountingPeriod | None = Field(default=None, description="The last accounting period closed for every posting.")
    closed_period_policy: Literal["refuse", "next_open_period"] = "refuse"

    @model_validator(mode="after")
    def trades_in_its_functional_currency(self) -> Self:
        """Its functional currency is one of its currencies."""
        if self.functional_currency not in self.currencies:
            raise ValueError(f"currencies must contain the functional currency {self.functional_currency}")
        return self


class RegionSettings(_Settings):
    """The legal entities that cut over together, and the two ERPs that they move between."""

    region: Identifier
    name: str
    legacy: Identifier
    cloud: Identifier
    starts_in: Literal[Phase.LEGACY_ONLY, Phase.CLOUD_ONLY]
    starts_from_period: AccountingPeriod
    legal_entities: Annotated[dict[LegalEntity, LegalEntitySettings], Field(min_length=1)]
    plan: RegionPlan | None = Field(default=None, description="How it moves; a region that stays where it is has none.")

    @property
    def first_owner(self) -> str:
        """The ERP that owns everything before the facade is asked for the first time."""
        return self.legacy if self.starts_in == Phase.LEGACY_ONLY else self.cloud


class Account(_Settings):
    """One canonical account."""

    name: str
    type: Literal["asset", "liability", "equity", "revenue", "expense"]
    control: Literal["receivables", "payables"] | None = None
    journal_types: frozenset[JournalType] = frozenset()


class TaxCode(_Settings):
    """One canonical tax code."""

    rate: Annotated[Decimal, Field(ge=0, lt=1)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    name: str


class PaymentTerm(_Settings):
    """When an invoice is due."""

    days: Annotated[int, Field(ge=0, le=365)]


class Chart(_Settings):
    """The canonical chart: what posting rules and mappings speak of."""

    version: str
    accounts: Annotated[dict[str, Account], Field(min_length=1)]
    tax_codes: dict[str, TaxCode]
    payment_terms: dict[str, PaymentTerm]
    dimensions: tuple[str, ...]


class OAuthSettings(_Settings):
    """Tokens of an identity provider that one source signs in with (OAuth 2 client credentials)."""

    issuer: Annotated[str, Field(pattern=r"^https?://\S+$")] = Field(description="`iss` of its tokens, to the letter.")
    audience: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="`aud`: this API, and nothing else.")
    jwks_url: Annotated[str, Field(pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost)(:\d+)?/\S*)$")] = Field(
        description="Its public keys; over TLS, or on this machine."
    )
    subject: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description="`sub` of the source's tokens.")
    client_id: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description="`client_id`, or `azp`.")

    @model_validator(mode="after")
    def says_which_client(self) -> Self:
        """Whoever else the issuer knows is not this source."""
        if self.subject is None and self.client_id is None:
            raise ValueError("subject or client_id must say which of the issuer's clients this source is")
        return self


class SourceSettings(_Settings):
    """One upstream system: what its credentials may send, and for whom."""

    description: Annotated[str, Field(min_length=3, max_length=200)]
    document_types: Annotated[frozenset[DocumentType], Field(min_length=1)]
    regions: frozenset[Identifier] = Field(default=frozenset(), description="It speaks for every legal entity of these.")
    legal_entities: frozenset[LegalEntity] = Field(default=frozenset(), description="And for these.")
    oauth: OAuthSettings | None = None
    version_gap_seconds: Annotated[int, Field(ge=1, le=2_592_000)] | None = Field(
        default=None, description="How long a version waits for the one before it; left out: it waits for none."
    )
    webhook_connection: Identifier | None = Field(default=None, description="Airflow Connection that its outcomes are sent to.")

    @model_validator(mode="after")
    def speaks_for_somebody(self) -> Self:
        """It names regions or legal entities."""
        if not self.regions and not self.legal_entities:
            raise ValueError("regions or legal_entities must say whom it speaks for")
        return self


class RetentionRule(_Settings):
    """How long the payloads of some document types are kept in some regions."""

    document_types: Annotated[frozenset[DocumentType], Field(min_length=1)]
    regions: Annotated[frozenset[Identifier], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=36_500)] = Field(description="Since the posting was settled.")
    owner: Annotated[str, Field(min_length=3, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=200)]


class RetentionSettings(_Settings):
    """After what time payloads are erased; what no rule names is kept."""

    dry_run: bool = Field(default=True, description="Say every night what would be erased, and erase nothing.")
    rules: Annotated[tuple[RetentionRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def one_rule_at_most(self) -> Self:
        """Two rules for one region and type would be two answers."""
        seen: set[tuple[str, str]] = set()
        for rule in self.rules:
            for each in ((region, document_type.value) for region in sorted(rule.regions) for document_type in sorted(rule.document_types)):
                if each in seen:
                    raise ValueError(f"two rules say how long {each[1]} of {each[0]} is kept")
                seen.add(each)
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in the configuration, and what it disables."""

    file: str
    field: str
    reason: str
    disables: str
    remedy: str = ConfigurationError.remedy

    def __str__(self) -> str:
        """For people."""
        return f"{self.file}: {self.field}: {self.reason} Disabled: {self.disables}. {self.remedy}"


@dataclass(frozen=True)
class Settings:
    """Everything that is configured and in order, and what is not."""

    folder: Path
    chart: Chart
    posting_rules: PostingRules
    erps: dict[str, ErpSettings]
    regions: dict[str, RegionSettings]
    mappings: dict[str, Mapping]
    problems: tuple[Problem, ...] = ()
    disabled_legal_entities: frozenset[str] = field(default=frozenset())
    moving: frozenset[str] = field(default=frozenset())
    """The regions whose file has a plan, in order or not."""
    sources: dict[str, SourceSettings] = field(default_factory=dict)
    retention: RetentionSettings | None = None

    @cached_property
    def region_of(self) -> dict[str, str]:
        """The region of each legal entity."""
        return {legal_entity: region.region for region in self.regions.values() for legal_entity in region.legal_entities}

    @cached_property
    def firm(self) -> Firm:
        """What is the same for every ERP, as the core wants it."""
        entities = {code: entity for region in self.regions.values() for code, entity in region.legal_entities.items()}
        return Firm(
            region_of=self.region_of,
            functional_currency={code: entity.functional_currency for code, entity in entities.items()},
            currencies={code: frozenset(entity.currencies) for code, entity in entities.items()},
            closed_books={
                code: ClosedBooks(entity.closed_through, entity.closed_period_policy == "next_open_period")
                for code, entity in entities.items()
            },
            accounts={number: account.journal_types if account.control else None for number, account in self.chart.accounts.items()},
            posting_rules=self.posting_rules,
            issued_upstream=frozenset(code for code, entity in entities.items() if entity.legal_number_issuer == "upstream"),
            first_period={code: region.starts_from_period for region in self.regions.values() for code in region.legal_entities},
            disabled_legal_entities=self.disabled_legal_entities,
        )

    def legal_entity(self, code: str) -> LegalEntitySettings:
        """One legal entity's settings."""
        return self.regions[self.region_of[code]].legal_entities[code]

    @property
    def version_gap_seconds(self) -> dict[str, int]:
        """Of each source whose versions have no gaps, how long a version waits for the one before it."""
        return {name: source.version_gap_seconds for name, source in self.sources.items() if source.version_gap_seconds is not None}

    def spoken_for(self, source: str) -> frozenset[str]:
        """The legal entities that a source speaks for."""
        named = self.sources[source]
        return named.legal_entities | {code for code, region in self.region_of.items() if region in named.regions}

    def plan(self, region: str) -> RegionPlan:
        """How a region moves.

        Raises:
            ConfigurationError: There is no such region, or it has no plan, or a wrong one.
        """
        if region not in self.regions and region not in self.moving:
            raise ConfigurationError(f"There is no region {region}; known are {', '.join(sorted(self.regions))}.")
        if region in self.regions and (plan := self.regions[region].plan):
            return plan
        wrong = [problem for problem in self.problems if problem.file.endswith(f"regions/{region}.yaml")]
        told = "; ".join(f"{problem.field}: {problem.reason}" for problem in wrong)
        raise ConfigurationError(f"Region {region} has no plan in order. {told or 'Its file has no section `plan`.'}")

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every file, 64 hexadecimal digits: the version of the configuration."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*")):
            if file.is_file():
                digest.update(str(file.relative_to(self.folder)).encode() + b"\x00" + file.read_bytes() + b"\x00")
        return digest.hexdigest()


class _Reader:
    """Reads the folder and collects what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.named_erps: frozenset[str] = frozenset()
        self.plans: dict[str, Any] = {}

    def content(self, file: Path, disables: str) -> Any:
        try:
            content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)  # every task reads all of them
        except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: a day like 2026-13-01, a text that is not UTF-8
            self.problems.append(Problem(self.name_of(file), "(whole file)", f"{str(error).splitlines()[0]}.", disables))
            return None
        if content is None:
            self.problems.append(Problem(self.name_of(file), "(whole file)", "the file is empty.", disables))
        return content

    def model(self, model: type[M], content: Any, file: Path, disables: str, prefix: str = "") -> M | None:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            for each in error.errors():
                path = ".".join((*([prefix] if prefix else []), *map(str, each["loc"])))
                self.problems.append(Problem(self.name_of(file), path or "(whole file)", f"{each['msg']}.", disables))
            return None

    def name_of(self, file: Path) -> str:
        return f"{self.folder.name}/{file.relative_to(self.folder)}"


def load_settings(folder: Path, *, today: date | None = None) -> Settings:
    """Read the configuration folder. `today` is the day by which rules of a plan end; the present one by UTC unless stated.

    Raises:
        ConfigurationError: The chart or the posting rules, on which everything rests, cannot be read.
    """
    reader = _Reader(folder)
    chart = reader.model(Chart, reader.content(folder / "accounts.yaml", "everything"), folder / "accounts.yaml", "everything")
    rules_file = folder / "posting_rules.yaml"
    rules = reader.model(PostingRules, reader.content(rules_file, "everything"), rules_file, "everything")
    if chart is None or rules is None:
        raise ConfigurationError("; ".join(map(str, reader.problems)))
    if unknown := sorted(rules.accounts - set(chart.accounts)):
        raise ConfigurationError(f"{reader.name_of(rules_file)}: account {unknown[0]} is not in accounts.yaml.")
    erps = _erps(reader)
    mappings = _mappings(reader, erps, chart)
    regions, disabled = _regions(reader, erps)
    regions, moving = _plans(reader, regions, chart, today or datetime.now(UTC).date())
    in_order = {name: erp for name, erp in erps.items() if name in mappings}
    sources = _sources(reader, {code for region in regions.values() for code in region.legal_entities} | disabled)
    retention = _retention(reader)
    return Settings(folder, chart, rules, in_order, regions, mappings, tuple(reader.problems), disabled, moving, sources, retention)


def _erps(reader: _Reader) -> dict[str, ErpSettings]:
    file = reader.folder / "erps.yaml"
    if (content := reader.content(file, "every ERP")) is None:
        return {}
    entries = content.get("erps") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        reader.problems.append(Problem(reader.name_of(file), "erps", "a mapping of ERP names is expected.", "every ERP"))
        return {}
    found = {}
    reader.named_erps = frozenset(map(str, entries))
    for name, entry in entries.items():
        if erp := reader.model(ErpSettings, entry, file, f"ERP {name}", f"erps.{name}"):
            found[str(name)] = erp
    return found


def _sources(reader: _Reader, legal_entities: Container[str]) -> dict[str, SourceSettings]:
    """The upstream systems. Without the file, people signed in to Airflow alone can send."""
    file = reader.folder / "sources.yaml"
    if not file.exists() or (content := reader.content(file, "every source")) is None:
        return {}
    entries = content.get("sources") if isinstance(content, dict) else None
    if not isinstance(entries, dict) or len(content) > 1:
        reader.problems.append(Problem(reader.name_of(file), "sources", "a mapping of sources alone is expected.", "every source"))
        return {}
    found: dict[str, SourceSettings] = {}
    for name, entry in entries.items():
        disables, path = f"source {name}", f"sources.{name}"
        source = reader.model(SourceSettings, entry, file, disables, path)
        if source is None:
            continue
        if wrong := _wrong_source(str(name), source, reader, legal_entities) or _taken_client(source, found):
            reader.problems.append(Problem(reader.name_of(file), path, wrong, disables))
        else:
            found[str(name)] = source
    return found


def _retention(reader: _Reader) -> RetentionSettings | None:
    """How long payloads are kept. Without the file, for ever."""
    file, disables = reader.folder / "retention.yaml", "the erasure of payloads"
    if not file.exists() or (content := reader.content(file, disables)) is None:
        return None
    retention = reader.model(RetentionSettings, content, file, disables)
    for number, rule in enumerate(retention.rules if retention else ()):
        if unknown := sorted(each for each in rule.regions if not (reader.folder / "regions" / f"{each}.yaml").exists()):
            reader.problems.append(Problem(reader.name_of(file), f"rules.{number}.regions", f"{unknown[0]} is no region.", disables))
            return None
    return retention


def _wrong_source(name: str, source: SourceSettings, reader: _Reader, legal_entities: Container[str]) -> str | None:
    if not _SOURCE.fullmatch(name):
        return "a source is up to 200 visible ASCII letters, and none of the product's own (hybrid-erp/)."
    if unknown := sorted(each for each in source.regions if not (reader.folder / "regions" / f"{each}.yaml").exists()):
        return f"{unknown[0]} is no region."
    if nobody := sorted(code for code in source.legal_entities if code not in legal_entities):
        return f"{nobody[0]} is no legal entity of the firm."
    return None


def _taken_client(source: SourceSettings, others: dict[str, SourceSettings]) -> str | None:
    """A token that fits two sources would speak for both."""
    for name, other in others.items():
        if source.oauth and other.oauth and _can_be_one(source.oauth, other.oauth):
            return f"its client is that of the source {name}."
    return None


def _can_be_one(one: OAuthSettings, other: OAuthSettings) -> bool:
    if (one.issuer, one.audience) != (other.issuer, other.audience):
        return False
    pairs = ((one.subject, other.subject), (one.client_id, other.client_id))
    return not any(mine and theirs and mine != theirs for mine, theirs in pairs)


def _mappings(reader: _Reader, erps: dict[str, ErpSettings], chart: Chart) -> dict[str, Mapping]:
    found = {}
    for name in erps:
        file = reader.folder / "mappings" / f"{name}.yaml"
        disables = f"ERP {name}"
        if (content := reader.content(file, disables)) is not None and (mapping := reader.model(Mapping, content, file, disables)):
            if mapping.erp != name:
                reader.problems.append(Problem(reader.name_of(file), "erp", f"says {mapping.erp!r}, the file is for {name!r}.", disables))
            elif unknown := _outside(chart, mapping):
                reader.problems.append(Problem(reader.name_of(file), *unknown, disables))
            else:
                found[name] = mapping
    return found


def _outside(chart: Chart, mapping: Mapping) -> tuple[str, str] | None:
    """The first thing of a mapping that the canonical chart does not know: field and reason."""
    named: tuple[tuple[str, list[str], Container[str]], ...] = (
        ("accounts", [rule.canonical for rule in mapping.accounts], chart.accounts),
        ("tax_codes", [rule.canonical for rule in mapping.tax_codes], chart.tax_codes),
        ("payment_terms", [rule.canonical for rule in mapping.payment_terms], chart.payment_terms),
    )
    for field_name, canonical, known in named:
        for number, code in enumerate(canonical):
            if code not in known:
                return f"{field_name}.{number}.canonical", f"{code} is not in accounts.yaml."
    return None


def _regions(reader: _Reader, erps: dict[str, ErpSettings]) -> tuple[dict[str, RegionSettings], frozenset[str]]:
    found: dict[str, RegionSettings] = {}
    disabled: set[str] = set()
    taken: dict[str, str] = {}
    for file in sorted((reader.folder / "regions").glob("*.yaml")):
        disables = f"region {file.stem}"
        content = reader.content(file, disables)
        if isinstance(content, dict) and "plan" in content:  # a wrong plan disables the move, never the region's postings
            reader.plans[file.stem] = content.pop("plan")
        region = reader.model(RegionSettings, content, file, disables) if content is not None else None
        reason = region and (_clash(region, file, taken) or _unreachable(region, reader, erps))
        if region is None or reason:
            if reason:
                reader.problems.append(Problem(reader.name_of(file), "legal_entities", reason, disables))
            named = content.get("legal_entities") if isinstance(content, dict) else None
            disabled |= {str(code) for code in named} - set(taken) if isinstance(named, dict) else set()
            continue
        found[region.region] = region
        taken |= dict.fromkeys(region.legal_entities, region.region)
    return found, frozenset(disabled)


def _plans(
    reader: _Reader, regions: dict[str, RegionSettings], chart: Chart, today: date
) -> tuple[dict[str, RegionSettings], frozenset[str]]:
    """The regions with their plans. A rule whose last day is past disables the reconciliation alone, which looks at it again."""
    planned = dict(regions)
    for name, content in reader.plans.items():
        file, disables = reader.folder / "regions" / f"{name}.yaml", f"the move of region {name}"
        plan = reader.model(RegionPlan, content, file, disables, "plan")
        if plan and (unknown := sorted(plan.accounts - set(chart.accounts))):
            reader.problems.append(Problem(reader.name_of(file), "plan", f"account {unknown[0]} is not in accounts.yaml.", disables))
        elif plan and name in regions and (wrong := _wrong_approvers(plan, regions[name])):
            reader.problems.append(Problem(reader.name_of(file), "plan.cutover.approvers.controllers", wrong, disables))
        elif plan and name in regions:
            planned[name] = regions[name].model_copy(update={"plan": plan})
            for ended in plan.expired(today):
                problem = Problem(reader.name_of(file), f"plan.{ended.split()[0]}", f"{ended}.", f"the reconciliation of region {name}")
                reader.problems.append(problem)
    return planned, frozenset(reader.plans)


def _wrong_approvers(plan: RegionPlan, region: RegionSettings) -> str | None:
    """Each legal entity of the region has a controller, and none else has one."""
    if plan.cutover is None:
        return None
    named, entities = set(plan.cutover.approvers.controllers), set(region.legal_entities)
    if lacking := sorted(entities - named):
        return f"{lacking[0]} has no controller."
    return f"{min(named - entities)} is not of this region." if named - entities else None


def _unreachable(region: RegionSettings, reader: _Reader, erps: dict[str, ErpSettings]) -> str | None:
    """An ERP that is configured nowhere, or that lacks a company. One that is configured wrongly disables itself, not its regions."""
    if not reader.named_erps:  # the whole file is unreadable, which is a problem of its own
        return None
    for name in (region.legacy, region.cloud):
        if name not in erps and name not in reader.named_erps:
            return f"{name} is no ERP of erps.yaml."
        if name in erps and (lacking := sorted(set(region.legal_entities) - set(erps[name].companies))):
            return f"{name} has no company for {lacking[0]}."
    return None


def _clash(region: RegionSettings, file: Path, taken: dict[str, str]) -> str | None:
    if region.region != file.stem:
        return f"the file is named {file.stem}, the region in it {region.region}."
    if twice := sorted(set(region.legal_entities) & set(taken)):
        return f"{twice[0]} belongs to region {taken[twice[0]]} already."
    return None
