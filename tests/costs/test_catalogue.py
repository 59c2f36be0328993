"""Price books looked after: ages, differences, and prices read anew from official interfaces."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from costs import books, catalogue, refresh
from costs.price import monthly
from errors import BadInput, CannotTell, Unreachable
from tests.costs.figures import TODAY

LIST = books.load("list-2026-11")
SEED = books.load("seed")


def test_ages() -> None:
    """The worst prices come first: unknown, then over 180 days, then over 90, and the exit code says which there are."""
    found = catalogue.check(LIST, TODAY)
    states = [one.state for one in found]
    assert states == sorted(states, key=["unknown", "too old", "stale", "fresh"].index)
    assert {one.price.id for one in found if one.state == "unknown"} == {"atlas-backup", "atlas-transfer", "domain"}
    assert catalogue.exit_code(found) == 3
    assert catalogue.exit_code(catalogue.check(SEED, TODAY)) == 0
    assert catalogue.exit_code(catalogue.check(SEED, TODAY + dt.timedelta(days=200))) == 3


def test_a_date_to_come_is_not_fresh() -> None:
    """A price dated a year ahead by mistake is told first and fails; tomorrow's date may be a time zone's."""
    found = catalogue.check(SEED, TODAY - dt.timedelta(days=365))
    assert {one.state for one in found} == {"not yet"}
    assert catalogue.exit_code(found) == 3
    assert catalogue.exit_code(catalogue.check(SEED, TODAY - dt.timedelta(days=1))) == 0


def test_documents_against_the_list() -> None:
    """From the documents' prices to the list's: M20 ×1.95, M60 ×4.81, SES ×1.60; equal prices do not appear."""
    rows = {row[0]: row for row in catalogue.diff_rows(catalogue.diff(SEED, LIST))}
    assert [rows[name][4] for name in ("atlas-m20", "atlas-m30", "atlas-m60", "ses-mails")] == ["×1.95", "×1.97", "×4.81", "×1.60"]
    assert rows["atlas-m60"][2:4] == ("600 USD/month", "3.95 USD/hour")
    assert "certificates" not in rows
    assert rows["hetzner-cx33"][2] == "-"
    assert catalogue.diff(SEED, SEED) == ()


def test_what_the_first_unit_does_not_show(tmp_path: Path) -> None:
    """A dearer tier, fewer free units and another price after the first term are differences; two unknown prices are none."""
    own = tmp_path / "ours.yaml"
    own.write_text(
        "schema: cmctl/prices/1\nname: ours\ntitle: Ours\ncurrency: USD\nbase: list-2026-11\n"
        "defaults: {currency: USD, vendor: v, sku: s, as_of: 2026-11-20, method: own, confidence: A, source: s}\nprices:\n"
        "  - {id: email, title: E-mail, unit: mails, tiers: [{up_to: 3000, price: 0}, {price: 0.0008}]}\n"
        "  - {id: r2-storage, title: R2, unit: GB-month, price: 0.015}\n"
        "  - {id: hostinger-kvm2-1y, title: KVM 2, unit: month, price: 10.99, renewal: 29.99}\n"
    )
    rows = {row[0]: row[2:5] for row in catalogue.diff_rows(catalogue.diff(LIST, books.load(own)))}
    assert rows == {
        "email": ("0 / 0.0004 USD/mails", "0 / 0.0008 USD/mails", "×2.00"),
        "r2-storage": ("0.015 USD/GB-month, 10 free", "0.015 USD/GB-month", "×1.00"),
        "hostinger-kvm2-1y": ("10.99 USD/month, then 14.99", "10.99 USD/month, then 29.99", "×1.00"),
    }


ANSWERS: dict[str, Any] = {
    "/hetzner": {
        "pricing": {"currency": "EUR", "server_types": [{"name": "cx33", "prices": [{"price_monthly": {"net": "7.4900000000"}}]}]}
    },
    "/digitalocean": {
        "sizes": [
            {"vcpus": 4, "memory": 8192, "price_monthly": 96.0, "price_hourly": 0.14286, "description": "CPU-Optimized"},
            {"vcpus": 4, "memory": 8192, "price_monthly": 52.0, "price_hourly": 0.07738, "description": "Basic"},
        ]
    },
    "/hostinger": [{"name": "KVM 2", "prices": [{"period": 1, "period_unit": "month", "price": 2449, "currency": "USD"}]}],
    "/aws": {
        "products": {"P": {"attributes": {"usagetype": "SES Essentials"}}},
        "terms": {"OnDemand": {"P": {"O": {"priceDimensions": {"D": {"pricePerUnit": {"USD": "0.0001600000"}}}}}}},
    },
    "/changed": {"prices": []},
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(ANSWERS[self.path]).encode() if self.path in ANSWERS else b"<html>"
        wanted = "Bearer token" if self.path in {"/hetzner", "/digitalocean", "/hostinger"} else None
        self.send_response(401 if self.headers.get("Authorization") != wanted else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{found.server_address[1]}"
    found.shutdown()
    thread.join()
    found.server_close()


def provider(vendor: str, url: str, token: str = "TOKEN") -> refresh.Provider:
    official = next(one for one in refresh.PROVIDERS if one.vendor == vendor)
    return refresh.Provider(vendor, url, token, official.find)


def asked(vendor: str, url: str, token: str = "TOKEN") -> tuple[refresh.Proposal, ...]:
    return refresh.refresh(LIST, vendor, TODAY, providers=(provider(vendor, url, token),), tokens={"TOKEN": "token", "BAD": "bad"})


@pytest.mark.parametrize(
    ("vendor", "identifier", "after", "changed"),
    [
        ("hetzner", "hetzner-cx33", "7.49", True),
        ("digitalocean", "vps-8gb", "0.07738", True),
        ("hostinger", "hostinger-kvm2", "24.49", False),
    ],
)
def test_prices_are_read_anew(server: str, vendor: str, identifier: str, after: str, changed: bool) -> None:
    """A provider's own interface says what its things cost today, in exact decimals, and what changed."""
    found = {one.id: one for one in asked(vendor, f"{server}/{vendor}")}
    assert f"{found[identifier].after.normalize():f}" == after
    assert found[identifier].changed is changed


def test_what_changed_is_a_book(server: str, tmp_path: Path) -> None:
    """The proposal is written as a book on top of the old one, and read back it has the new price with its date."""
    text = refresh.as_book(asked("hetzner", f"{server}/hetzner"), LIST, "mine")
    (tmp_path / "mine.yaml").write_text(text)
    price = books.load(tmp_path / "mine.yaml").prices["hetzner-cx33"]
    assert (str(price.price), price.as_of, price.method, price.confidence) == ("7.4900000000", TODAY, "api", "A")


def test_a_list_for_one_unit_is_read_for_as_many_as_the_books(server: str) -> None:
    """$0.00016 for one mail is the book's $0.16 for 1,000: nothing has changed."""
    (found,) = asked("aws", f"{server}/aws", "")
    assert (found.id, found.after, found.changed) == ("ses-mails", Decimal("0.16"), False)


def test_an_old_cap_does_not_hide_a_new_price(server: str, tmp_path: Path) -> None:
    """At $0.07738 an hour and 672 hours a machine is $52.00 a month, not the $48 at which the old price was capped."""
    (tmp_path / "mine.yaml").write_text(refresh.as_book(asked("digitalocean", f"{server}/digitalocean"), LIST, "mine"))
    price = books.load(tmp_path / "mine.yaml").prices["vps-8gb"]
    assert monthly(price, Decimal(1)) == Decimal("0.07738") * 672
    assert monthly(LIST.prices["vps-8gb"], Decimal(1)) == 48
    only = LIST.prices["vps-8gb"].model_copy(update={"cap_hours": None})
    found = refresh.Proposal("vps-8gb", only.price, Decimal("0.14286"), "USD", TODAY, "api")
    (tmp_path / "mine.yaml").write_text(refresh.as_book((found,), replace(LIST, prices={**LIST.prices, "vps-8gb": only}), "mine"))
    assert monthly(books.load(tmp_path / "mine.yaml").prices["vps-8gb"], Decimal(1)) == 96


def test_nothing_changed_writes_nothing(server: str) -> None:
    """Where every price is as it was there is no book to write."""
    same = tuple(one for one in asked("hostinger", f"{server}/hostinger") if not one.changed)
    assert refresh.as_book(same, LIST, "mine") == ""


@pytest.mark.parametrize(
    ("vendor", "path", "token", "failure", "message"),
    [
        ("hetzner", "/hetzner", "NONE", BadInput, "NONE is not set"),
        ("hetzner", "/hetzner", "BAD", Unreachable, "answered 401"),
        ("hetzner", "/changed", "", CannotTell, "another form"),
        ("hetzner", "/text", "", CannotTell, "not JSON"),
    ],
)
def test_an_interface_that_does_not_answer(server: str, vendor: str, path: str, token: str, failure: type[Exception], message: str) -> None:
    """No token, a refused one, another form and no JSON each have their own exit code; no price is changed."""
    with pytest.raises(failure, match=message):
        asked(vendor, f"{server}{path}", token)


def test_nobody_is_there() -> None:
    """A closed port is exit 7."""
    with pytest.raises(Unreachable, match="cannot be reached"):
        asked("hetzner", "http://127.0.0.1:9/x")


def test_only_official_interfaces_over_https() -> None:
    """A vendor without an interface, one the book does not have, and plain http to others are refused."""
    with pytest.raises(BadInput, match="no official price interface"):
        refresh.refresh(LIST, "upstash", TODAY)
    with pytest.raises(BadInput, match="nothing of azure"):
        refresh.refresh(LIST, "azure", TODAY)
    with pytest.raises(BadInput, match="https only"):
        asked("hetzner", "http://example.com/x")
    assert all(one.url.startswith("https://") for one in refresh.PROVIDERS)
