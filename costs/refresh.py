"""Prices read anew from the providers' official interfaces, and from nowhere else. The answer is a proposal: a person takes it over.

Hetzner /v1/pricing and DigitalOcean /v2/sizes need a token; the AWS and Azure price lists are open.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from costs.books import Book
from costs.price import Price
from errors import BadInput, CannotTell, Unreachable

TIMEOUT_S = 20
LARGEST = 32 * 2**20
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Provider:
    """One official interface: its address, the environment variable of its token (empty: none), how to find a price in its answer."""

    vendor: str
    url: str
    token: str
    find: Callable[[Any, Price], tuple[Decimal, str] | None]


@dataclass(frozen=True)
class Proposal:
    """One price read anew: what the book has, what the provider says now, in which unit and currency."""

    id: str
    before: Decimal | None
    after: Decimal
    currency: str
    as_of: dt.date
    source: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


def _hetzner(answer: Any, price: Price) -> tuple[Decimal, str] | None:
    """Monthly net price of a server type; the first location's, all of one region cost the same."""
    wanted = price.sku.partition(":")[0].strip().lower()
    for kind in answer["pricing"]["server_types"]:
        if str(kind["name"]).lower() == wanted:
            return Decimal(str(kind["prices"][0]["price_monthly"]["net"])), str(answer["pricing"]["currency"])
    return None


def _digitalocean(answer: Any, price: Price) -> tuple[Decimal, str] | None:
    """A droplet by its vCPU and memory, basic plans only; the book's unit decides between hour and month."""
    for size in answer["sizes"]:
        text = f"droplet {size['vcpus']} vCPU, {int(size['memory']) // 1024} GB"
        if text == price.sku and str(size.get("description", "Basic")) == "Basic":
            return Decimal(str(size["price_hourly" if price.unit == "hour" else "price_monthly"])), "USD"
    return None


def _hostinger(answer: Any, price: Price) -> tuple[Decimal, str] | None:
    """A plan of the catalogue for one month; prices are in cents."""
    wanted = price.sku.partition(":")[0].strip().lower()
    for item in answer:
        if str(item["name"]).lower() != wanted:
            continue
        for one in item["prices"]:
            if (one["period"], one["period_unit"]) == (1, "month"):
                return Decimal(str(one["price"])) / 100, str(one["currency"])
    return None


def _azure(answer: Any, price: Price) -> tuple[Decimal, str] | None:
    for item in answer["Items"]:
        if item["skuName"] == price.sku and item["type"] == "Consumption":
            return Decimal(str(item["retailPrice"])), str(item["currencyCode"])
    return None


def _aws(answer: Any, price: Price) -> tuple[Decimal, str] | None:
    """The on-demand price of the product whose usage type is the book's sku; the list is for one unit, the book may be for many."""
    for code, product in answer["products"].items():
        if product["attributes"].get("usagetype") != price.sku:
            continue
        for offer in answer["terms"]["OnDemand"].get(code, {}).values():
            for dimension in offer["priceDimensions"].values():
                return Decimal(str(dimension["pricePerUnit"]["USD"])) * price.per, "USD"
    return None


PROVIDERS = (
    Provider("hetzner", "https://api.hetzner.cloud/v1/pricing", "HCLOUD_TOKEN", _hetzner),
    Provider("digitalocean", "https://api.digitalocean.com/v2/sizes?per_page=200", "DIGITALOCEAN_TOKEN", _digitalocean),
    Provider("hostinger", "https://developers.hostinger.com/api/billing/v1/catalog?category=VPS", "HOSTINGER_TOKEN", _hostinger),
    Provider("azure", "https://prices.azure.com/api/retail/prices", "", _azure),
    Provider("aws", "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonSES/current/index.json", "", _aws),
)


def refresh(
    book: Book, vendor: str, today: dt.date, *, providers: tuple[Provider, ...] = PROVIDERS, tokens: Mapping[str, str] = os.environ
) -> tuple[Proposal, ...]:
    """What `vendor` asks today for its things in the book.

    Raises BadInput for a vendor without an official interface or a missing token, Unreachable when it does not answer, CannotTell
    when its answer is not what it used to be.
    """
    provider = next((one for one in providers if one.vendor == vendor), None)
    if provider is None:
        known = ", ".join(one.vendor for one in providers)
        raise BadInput(f"{vendor} has no official price interface", why=f"known: {known}", hint="read the page and date the line by hand")
    prices = [price for price in book.prices.values() if price.vendor == vendor]
    if not prices:
        raise BadInput(f"book {book.name} has nothing of {vendor}")
    answer = _answer(provider, tokens)
    return tuple(_proposals(provider, answer, prices, today))


def _answer(provider: Provider, tokens: Mapping[str, str]) -> Any:
    token = tokens.get(provider.token, "") if provider.token else ""
    if provider.token and not token:
        raise BadInput(
            f"{provider.vendor}: {provider.token} is not set", why="its prices are behind a token", hint=f"export {provider.token}=…"
        )
    request = Request(_safe(provider.url), headers={"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}))  # noqa: S310
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - _safe lets only https and loopback through
            return json.loads(response.read(LARGEST), parse_float=Decimal)
    except HTTPError as error:
        raise Unreachable(
            f"{provider.vendor}: answered {error.code}", why=error.reason, hint=f"check {provider.token or 'the network'}"
        ) from error
    except (URLError, TimeoutError, OSError) as error:
        raise Unreachable(f"{provider.vendor}: cannot be reached", why=str(error), hint="prices stay as they are; try later") from error
    except ValueError as error:
        raise CannotTell(f"{provider.vendor}: its answer is not JSON", why=str(error)) from error


def _safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url
    raise BadInput(f"{url}: prices are read over https only")


def _proposals(provider: Provider, answer: Any, prices: list[Price], today: dt.date) -> Iterator[Proposal]:
    for price in prices:
        try:
            found = provider.find(answer, price)
        except (KeyError, IndexError, TypeError, AttributeError, InvalidOperation) as error:
            raise CannotTell(
                f"{provider.vendor}: its answer has another form than it used to", why=repr(error), hint="report it; the prices stay"
            ) from error
        if found is not None:
            yield Proposal(price.id, price.price, found[0], found[1], today, provider.url.partition("?")[0])


def as_book(found: tuple[Proposal, ...], book: Book, name: str) -> str:
    """The changed prices as a book of one's own on top of `book`, ready to be read again. Empty when nothing changed."""
    import yaml  # noqa: PLC0415 - only a refresh writes a book

    changed = [one for one in found if one.changed]
    if not changed:
        return ""
    prices = [_entry(book.prices[one.id], one) for one in changed]
    head = {"schema": "cmctl/prices/1", "name": name, "title": f"{book.title}, read anew", "currency": book.currency, "base": book.name}
    return yaml.safe_dump({**head, "prices": prices}, sort_keys=False, allow_unicode=True, width=140)


def _entry(price: Price, new: Proposal) -> dict[str, Any]:
    """The old entry with the new price. A cap in money was the old price's: hours that are billed at most do its work, else it goes along."""
    kept = price.model_dump(mode="json", exclude_defaults=True, exclude={"tiers", "cap"})
    if price.cap is not None and price.cap_hours is None and price.price and price.currency == new.currency:
        kept["cap"] = str((price.cap * new.after / price.price).quantize(Decimal("0.01")))
    return {
        **kept,
        "price": str(new.after),
        "currency": new.currency,
        "as_of": new.as_of.isoformat(),
        "source": new.source,
        "method": "api",
        "confidence": "A",
    }
