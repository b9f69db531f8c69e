"""What the firm adds to Tryton's Universal Chart of Accounts: accounts that it lacks, and the rates that it starts with."""

from __future__ import annotations

from typing import Final

#: (code, name, code of the account whose type and place it shares).
OWN_ACCOUNTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("1.4.4", "Intercompany Receivables", "1.4.2"),
    ("1.4.5", "Input Tax", "1.4.2"),
    ("2.2.5", "Retainers And Prepayments Received", "2.2.2"),
    ("2.2.6", "Intercompany Payables", "2.2.4"),
    ("2.2.7", "Bridge Between ERPs", "2.2.4"),
    ("2.2.8", "Migration Clearing", "2.2.4"),
    ("2.2.9", "Canary Test", "2.2.4"),
    ("2.2.10", "Output Tax", "2.2.4"),
    ("2.2.11", "Trade Payables Without Party", "2.2.4"),
    ("2.2.12", "Accrued Expenses And Subcontractors", "2.2.4"),
    ("3.2.2", "Retained Earnings", "3.2.1"),
    ("4.2.3", "Reimbursed Expenses", "4.2.2"),
    ("4.2.4", "Intercompany Revenue", "4.2.2"),
    ("5.2.4", "Project Travel And Expenses", "5.2.1"),
    ("5.2.5", "Intercompany Cost", "5.2.1"),
    ("5.2.6", "Rent", "5.2.2"),
    ("5.2.7", "Salaries", "5.2.2"),
    ("5.2.8", "Depreciation", "5.2.2"),
)

OUTPUT_TAX: Final = "2.2.10"
RECEIVABLE: Final = "1.2.1"
PAYABLE: Final = "2.1.1"
REVENUE: Final = "4.2.2"
EXPENSE: Final = "5.2.1"
CASH: Final = "1.1.1"
CURRENCY_DIFFERENCES: Final = "6.2.1"

#: Units of one US dollar, as a plausible start; documents state their own rate.
PER_US_DOLLAR: Final[dict[str, str]] = {"USD": "1", "EUR": "0.92", "GBP": "0.79", "CAD": "1.36", "AUD": "1.52", "SGD": "1.34"}
CURRENCY_NAMES: Final[dict[str, str]] = {
    "USD": "US Dollar",
    "EUR": "Euro",
    "GBP": "Pound Sterling",
    "CAD": "Canadian Dollar",
    "AUD": "Australian Dollar",
    "SGD": "Singapore Dollar",
}

#: What a firm of this kind activates; the rest follows by dependency.
MODULES: Final = ("account_invoice", "analytic_invoice", "project_revenue", "bank")
