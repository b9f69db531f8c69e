"""One credential's session with one company: it asks who is there before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hybrid_erp.adapters.erps.http import HttpEndpoint
from hybrid_erp.adapters.erps.tryton.client import TrytonClient
from hybrid_erp.adapters.erps.tryton.directory import Directory
from hybrid_erp.adapters.erps.tryton.values import Row
from hybrid_erp.model.delivery import ErpIdentity
from hybrid_erp.model.errors import WrongSystemError

#: The versions that this dialect was proven on.
VERSIONS: Final = ("8.2.",)


def identified(companies: Sequence[Row], modules: Sequence[Row], expected: ErpIdentity) -> tuple[int, ErpIdentity]:
    """The id of the expected company, and who answers, from the companies of a database and its invoice module.

    Raises:
        WrongSystemError: Another company, currency or version answers.
    """
    version = str(modules[0]["version"]) if modules else "none"
    matching = [row for row in companies if row["party"]["name"] == expected.company]
    names = ", ".join(str(row["party"]["name"]) for row in companies) or "no company"
    if len(matching) != 1:
        raise WrongSystemError(f"Tryton's database {expected.database!r} holds {names}, not {expected.company!r}.")
    currency = str(matching[0]["currency"]["code"])
    if currency != expected.functional_currency:
        raise WrongSystemError(f"{expected.company} keeps its books in {currency} there, not in {expected.functional_currency}.")
    if not version.startswith(VERSIONS):
        raise WrongSystemError(f"Tryton {version} answers; this dialect was proven on {', '.join(VERSIONS)}x.")
    return int(matching[0]["id"]), ErpIdentity(expected.database, expected.company, currency, version)


class TrytonSession:
    """Opened by `require_identity`; nothing else may be asked before."""

    def __init__(self, endpoint: HttpEndpoint, expected: ErpIdentity) -> None:
        self.client = TrytonClient(endpoint, expected.database)
        self._expected = expected
        self._identity: ErpIdentity | None = None
        self._directory: Directory | None = None

    def require_identity(self) -> ErpIdentity:
        """Who answers; asked once and compared with the configuration. Raises as the client's search.

        Raises:
            WrongSystemError: Another company, currency or version answers. Nothing was sent.
        """
        if self._identity is None:
            companies = self.client.search("company.company", [], ["party.name", "currency.code"])
            modules = self.client.search("ir.module", [["name", "=", "account_invoice"]], ["version"])
            company, identity = identified(companies, modules, self._expected)
            self.client.context = {"company": company}
            self._directory = Directory(self.client, company)
            self._identity = identity
        return self._identity

    @property
    def directory(self) -> Directory:
        """The company's ids."""
        self.require_identity()
        assert self._directory is not None
        return self._directory

    def close(self) -> None:
        """End it; it may be opened again, and asks again."""
        self.client.close()
        self._identity = self._directory = None
