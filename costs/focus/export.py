"""An estimate in FOCUS 1.2 columns, for tools that read bills: every row says that it is an estimate, and no invoice is named."""

from __future__ import annotations

import csv
import datetime as dt
import io

from costs.estimate import Estimate
from costs.lines import Line

COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
    "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost",
    "InvoiceId", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory",
    "ServiceName", "ServiceSubcategory", "x_CmctlRecordType", "x_CmctlConfidence",
)  # fmt: skip
CATEGORIES = {
    "machines": ("Compute", "Virtual Machines"),
    "cluster": ("Compute", "Containers"),
    "database": ("Databases", "NoSQL Databases"),
    "redis": ("Databases", "Caching"),
    "edge": ("Networking", "Content Delivery"),
    "transfer": ("Networking", "Network Connectivity"),
    "backup": ("Storage", "Backup Storage"),
    "monitoring": ("Management and Governance", "Observability"),
    "queue": ("Integration", "Messaging"),
}
OTHER = ("Other", "Other (Other)")
UNITS = {"hour": "Hours", "month": "Months", "year": "Years", "percent": "Percent"}


def export(estimate: Estimate, month: dt.date) -> str:
    """One row for each line that has an amount, for the calendar month of `month`. Lines without a price have no row: FOCUS has no null cost."""
    start = month.replace(day=1)
    end = (start + dt.timedelta(days=32)).replace(day=1)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in estimate.lines:
        if line.amount is not None:
            writer.writerow(_row(estimate, line, f"{start}T00:00:00Z", f"{end}T00:00:00Z"))
    return out.getvalue()


def _row(estimate: Estimate, line: Line, start: str, end: str) -> dict[str, str]:
    """ChargeCategory is Usage: Purchase would force the effective cost to 0."""
    amount = f"{line.amount.typical.amount:f}" if line.amount else ""
    vendor = line.price.vendor if line.price else ""
    category, subcategory = CATEGORIES.get(line.component, OTHER)
    account = f"cmctl-estimate-{estimate.platform}-phase{estimate.phase}"
    return {
        "BilledCost": amount, "ContractedCost": amount, "EffectiveCost": amount, "ListCost": amount, "BillingCurrency": estimate.currency,
        "BillingAccountId": account, "BillingAccountName": f"estimate of {estimate.platform}, phase {estimate.phase}",
        "BillingPeriodStart": start, "BillingPeriodEnd": end, "ChargePeriodStart": start, "ChargePeriodEnd": end,
        "ChargeCategory": "Usage", "ChargeClass": "", "ChargeFrequency": "Usage-Based" if line.usage else "Recurring",
        "ChargeDescription": f"ESTIMATE: {line.title}, {line.formula}", "InvoiceId": "", "InvoiceIssuerName": vendor,
        "PricingQuantity": f"{line.quantity.typical:f}", "PricingUnit": UNITS.get(line.unit, line.unit),
        "ProviderName": vendor, "PublisherName": vendor, "ServiceName": line.title,
        "ServiceCategory": category, "ServiceSubcategory": subcategory,
        "x_CmctlRecordType": "estimate", "x_CmctlConfidence": line.price.confidence if line.price else "",
    }  # fmt: skip
