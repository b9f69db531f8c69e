"""What the pages for people name is there: files, links, targets, DAGs, commands, error codes; and their examples are accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid_erp import __version__
from hybrid_erp.flow.checks import posting_of
from hybrid_erp.model.documents import DOCUMENTS_BY_TYPE
from hybrid_erp.model.errors import HybridErpError, RefusedEventError
from hybrid_erp.model.mapping import Mapping
from hybrid_erp.model.posting_rules import PostingRules
from hybrid_erp.settings import ErpSettings, RegionSettings, load_settings
from hybrid_erp.web.problems import status_of
from hybrid_erp.wiring import cli
from tests.builders import CONFIG, the_settings

CHECKOUT = CONFIG.parent
PAGES = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]
API = (CHECKOUT / "docs" / "api.md").read_text(encoding="utf-8")

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```(.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# What a page calls a file of the checkout; folders that a reader is to make are written with <...>.
ROOTS = ("dags", "plugins", "include", "config", "sandbox", "tests", "benchmarks", "docs")
PACKAGE = CHECKOUT / "include" / "hybrid_erp"
DAG_ID = re.compile(r'dag_id="([a-z_]+)"')
NO_DAGS = {"deliver_company"}
WEB = ("api.py", "cutovers.py", "documents.py", "outcomes.py", "reconciliations.py")


def named(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in HEADING.findall(text_of(page))}


def quoted(page: Path) -> Iterator[str]:
    yield from QUOTED.findall(FENCED.sub("", text_of(page)))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_the_checkout_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", text_of(page))):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.is_relative_to(CHECKOUT), target
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    for name in quoted(page):
        path = name.rstrip("/")
        if re.fullmatch(r"[\w.*/-]+", path) and path.split("/")[0] in ROOTS and "/" in name:
            assert list(CHECKOUT.glob(path)), name
        elif re.fullmatch(r"[\w/-]+\.py", path) and "/" in path:
            assert (PACKAGE / path).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_that_a_page_names_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(CHECKOUT / "Makefile"), re.MULTILINE))

    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text_of(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_dag_that_a_page_names_is_there(page: Path) -> None:
    fixed = {name for file in (CHECKOUT / "dags").glob("*.py") for name in DAG_ID.findall(text_of(file))}
    generated = {f"deliver_{erp}" for erp in load_settings(CONFIG).erps}
    generated |= {f"reconcile_{region}" for region in load_settings(CONFIG).moving}
    wanted = {
        name for name in quoted(page) if re.fullmatch(r"(deliver|replay|watch|load|reconcile|cutover|rollback|shadow|send)_[\w-]+", name)
    }

    assert wanted - NO_DAGS <= fixed | generated


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_names_is_there(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    commands = set(re.findall(r"^    ([a-z-]+)", capsys.readouterr().out, re.MULTILINE))

    assert set(re.findall(r"(?:`|^|\bm )hybrid[-_]erp(?:\.wiring\.cli)? ([a-z][a-z-]+)", text_of(page), re.MULTILINE)) <= commands


def refusals(family: type[HybridErpError] = RefusedEventError) -> Iterator[type[HybridErpError]]:
    for each in family.__subclasses__():
        yield each
        yield from refusals(each)


@pytest.mark.parametrize("error", list(refusals()))
def test_the_api_page_tells_each_refusal_as_it_is(error: type[RefusedEventError]) -> None:
    assert f"| {status_of(error('x'))} | `{error.code}` | {error.__doc__} | {error.remedy} |" in API


def test_the_api_page_names_each_code_of_the_web_layer_and_no_other() -> None:
    own_modules = ("api.py", "bounds.py", "documents.py", "outcomes.py", "problems.py")
    source = "".join((PACKAGE / "web" / name).read_text(encoding="utf-8") for name in own_modules)
    own = set(re.findall(r'problem_(?:response|content)\(\s*"([a-z-]+)"', source)) | set(re.findall(r'\("([a-z-]+)", "[A-Z]', source))
    told = set(re.findall(r"^\| (?:\d{3}|other) \| `([a-z-]+)`", API, re.MULTILINE))

    assert told == own | {error.code for error in refusals()}


def test_the_api_page_names_every_route_and_no_other() -> None:
    source = "".join((PACKAGE / "web" / name).read_text(encoding="utf-8") for name in WEB)
    served = {f"{verb.upper()} {path.replace(':path', '')}" for verb, path in re.findall(r'@api\.(get|post)\("([^"]+)"', source)}

    assert set(re.findall(r"^\| `((?:GET|POST) /[^`]*)`", API, re.MULTILINE)) == served


def test_the_api_page_names_every_event_type() -> None:
    assert set(re.findall(r"^\| `(hybrid-erp\.\w+\.v\d+)`", API, re.MULTILINE)) == set(DOCUMENTS_BY_TYPE)


def examples() -> Iterator[Any]:
    """Every JSON block of the API page that is marked as accepted."""
    for info, body in FENCED.findall(API):
        if info == "json accepted":
            content = json.loads(body)
            yield from content if isinstance(content, list) else [content]


@pytest.mark.parametrize("event", list(examples()), ids=lambda event: str(event["type"]))
def test_an_example_that_is_marked_as_accepted_is_accepted(event: Any) -> None:
    assert posting_of(the_settings().firm, event).event_id == event["id"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_json_block_is_json_and_every_yaml_block_is_yaml(page: Path) -> None:
    for info, body in FENCED.findall(text_of(page)):
        if info.startswith("json"):
            json.loads(body)
        elif info.startswith("yaml"):
            yaml.safe_load(body)


def marked(info: str) -> list[Any]:
    """The YAML blocks of all pages with this mark, read."""
    return [yaml.safe_load(body) for page in PAGES for mark, body in FENCED.findall(text_of(page)) if mark == f"yaml {info}"]


def test_the_configuration_that_the_pages_show_is_in_order() -> None:
    regions, erps = marked("region"), [erp for block in marked("erps") for erp in block["erps"].values()]
    mappings, rules = marked("mapping"), marked("rules")

    for model, contents in ((RegionSettings, regions), (ErpSettings, erps), (Mapping, mappings), (PostingRules, rules)):
        assert contents, model
        for content in contents:
            assert model.model_validate(content)


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{__version__}]" in text_of(CHECKOUT / "CHANGELOG.md")
    assert f'version = "{__version__}"' in text_of(CHECKOUT / "pyproject.toml")
