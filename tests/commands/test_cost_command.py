"""`cmctl cost` on the command line: what it prints, its exit codes, and what it does not load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cli
from commands import cost_checks_view, cost_decide_view, cost_view
from costs import bills, capacity
from costs.live import QUESTIONS
from loadtests import store
from phases.load import load
from tests.costs.figures import LOADED, measured
from tests.loadtests.figures import searched
from tests.monitoring.server import aged, serving, vector

DATA = Path(__file__).parent.parent / "costs" / "data"


@pytest.fixture(autouse=True)
def home(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test asks a Prometheus that happens to run here: nothing listens on port 1. The platform's files are read once."""
    monkeypatch.setenv("CMCTL_PROMETHEUS", "http://127.0.0.1:1")
    for view in (cost_view, cost_decide_view, cost_checks_view):
        monkeypatch.setattr(view, "load", lambda name: LOADED if name == "codementee" else load(name))
    return private_home


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["cost", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = asked(capsys, *arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_phase(capsys: pytest.CaptureFixture[str]) -> None:
    """$500 / 50,000 = $0.0100, with every line's source and date."""
    code, out, _ = asked(capsys, "--phase", "2")
    assert code == 0
    assert "$500 / 50,000 = $0.0100" in out
    assert "scaling guide, cost of phase 2" in out


def test_a_phase_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The document has a schema, the exact total, the cost of one user and who was counted."""
    found = document(capsys, "--phase", "1")
    assert (found["schema"], found["total"], found["per_user"], found["users"]) == ("cmctl/cost/1", "155", "0.0155", 10000)


def test_all_phases(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a phase all stand beside each other."""
    assert [one["per_user"] for one in document(capsys)["phases"]] == ["0.0970", "0.0155", "0.0100", "0.0150"]


def stored(home: Path, **users: int) -> None:
    record = capacity.path(home, "codementee", "local", 2)
    record.parent.mkdir(parents=True)
    record.write_text(measured(**users).model_dump_json(by_alias=True))


def test_the_stored_capacity_is_used(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """After a load test the cost of one user is at the measured capacity, and the text says of which run."""
    stored(home, p10=2500, p50=3000, p90=4000)
    _, out, _ = asked(capsys, "--phase", "2", "--per-user")
    assert "run-7" in out
    assert "$0.0075-$0.0120" in out


def test_after_a_load_test_the_run_is_named(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """What a load test keeps is what the cost of a user rests on: one run without an interval and said to be one, two with it."""
    store.keep(home, searched("0f3a", (2900, 3000, 3100)))
    _, out, err = asked(capsys, "--phase", "2", "--per-user")
    assert "run 0f3a held 3,000 at once" in out
    assert "one run only, so no interval" in out
    assert "capacity rests on one run (0f3a): no interval is given" in err
    store.keep(home, searched("77c1", (2400, 2500, 2600), when="2026-11-22T03:00:00+00:00"))
    found = document(capsys, "--phase", "2", "--per-user")["denominators"][0]
    assert found["source"].startswith("run 77c1 and 1 before it held 2,750 at once")
    assert found["low"] < found["cost"] < found["high"]


def test_users_are_counted_where_prometheus_tells(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """What Prometheus counts is divided by; what it does not know stays declared, and the text says so."""
    stored(home, p10=2500, p50=3000, p90=4000)
    with serving() as prometheus:
        for basis, value in (("concurrent", "600"), ("registered", "812"), ("paying", "0")):
            prometheus.answers[QUESTIONS[basis].expression] = (200, vector(({}, value)))
        aged(prometheus, "http_requests_total", vector(({}, "3")))
        code, out, err = asked(capsys, "--phase", "2", "--per-user", "--prometheus", prometheus.url)
        found = document(capsys, "--phase", "2", "--per-user", "--prometheus", prometheus.url)
        before = len(prometheus.asked)
        document(capsys, "--phase", "2", "--prometheus", prometheus.url)
        assert len(prometheus.asked) == before
    assert code == 0
    assert "$100 is used now and $400 is headroom" in out
    assert 'not counted: max(platform_users{basis="active"}) matches nothing' in err
    rows = {row["basis"]: row for row in found["denominators"]}
    assert (rows["registered"]["users"], rows["registered"]["source"]) == ("812", "counted: accounts")
    assert (rows["paying"]["users"], rows["paying"]["cost"]) == ("0", None)
    assert "assumed" in rows["active"]["source"]


def test_a_platform_counts_in_its_own_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bill's own expression takes the place of the application's; the other denominators are asked as ever."""
    text = (bills.ROOT / "codementee.yaml").read_text()
    (tmp_path / "codementee.yaml").write_text(text + "counted:\n  active: {expression: max(seen), meaning: seen within a week}\n")
    monkeypatch.setattr(bills, "place", lambda *_: tmp_path / "codementee.yaml")
    with serving() as prometheus:
        prometheus.answers["max(seen)"] = (200, vector(({}, "900")))
        found = document(capsys, "--phase", "2", "--per-user", "--prometheus", prometheus.url)
        asked_for = {query["query"][0] for _, query in prometheus.asked}
    row = next(one for one in found["denominators"] if one["basis"] == "active")
    assert (row["users"], row["source"]) == ("900", "counted: seen within a week")
    assert QUESTIONS["registered"].expression in asked_for
    assert QUESTIONS["active"].expression not in asked_for


def test_old_figures_do_not_count(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """A rate without new samples is not taken for the users that are there now."""
    stored(home, p10=2500, p50=3000, p90=4000)
    with serving() as prometheus:
        prometheus.answers[QUESTIONS["concurrent"].expression] = (200, vector(({}, "600")))
        aged(prometheus, "http_requests_total", vector(({}, "240")))
        code, out, err = asked(capsys, "--phase", "2", "--per-user", "--prometheus", prometheus.url)
    assert code == 0
    assert "headroom" not in out
    assert "too old: the newest sample of http_requests_total is 240 s old" in err


def test_nobody_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Without Prometheus the declared figures stand, one note says why; an environment without one says what to add; a typo is exit 2."""
    code, _, err = asked(capsys, "--phase", "2", "--per-user")
    assert code == 0
    assert err.count("http://127.0.0.1:1: nothing answers there") == 1
    assert asked(capsys, "--phase", "2", "--per-user", "--prometheus", "prometheus:9090")[0] == 2


def test_an_environment_names_its_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option comes first, then the environment's file, then the port that a local one opens; elsewhere there is none."""
    from commands.cost_live import address
    from environments.load import load

    local, lab = load("local"), load("lab")
    assert address(None, local) == "http://127.0.0.1:9090"
    assert address(None, lab) is None
    assert address(None, lab.model_copy(update={"prometheus_url": "https://p.example"})) == "https://p.example"
    assert address("http://other:1", local) == "http://other:1"


def test_a_missing_price(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing price is exit 6, ≥ in front of the total, and the file and line of the price."""
    code, out, err = asked(capsys, "--phase", "2", "--book", "list-2026-11")
    assert code == 6
    assert "≥ $" in out
    assert "costs/books/list-2026-11.yaml:" in err


def test_in_rupees(capsys: pytest.CaptureFixture[str]) -> None:
    """Totals in rupees are grouped as in India, with the rate, its source and how old it is; an unknown currency is exit 2."""
    _, out, _ = asked(capsys, "--phase", "3", "--currency", "inr")
    assert "₹1,42,432.87" in out
    assert "European Central Bank reference rates, 2026-10-30 (" in out
    assert asked(capsys, "--phase", "3", "--currency", "ABC")[0] == 2


def test_the_next_command_asks_about_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint keeps the book, and names a phase that there is."""
    _, _, err = asked(capsys, "--book", "list-2026-11")
    assert "next: cmctl cost --phase 3 --book list-2026-11 --per-user" in err
    _, _, err = asked(capsys, "--phase", "1", "--per-user")
    assert "next: cmctl cost decide --users 10000\n" in err


WRONG = [
    (("--phase", "7"), "codementee has no phase 7"),
    (("--phase", "2", "--book", "sed"), "did you mean seed"),
    (("--phase", "2", "--users", "0"), "at least one user"),
    (("--phase", "2", "--users", "-3"), "at least one user"),
    (("--phase", "2", "--format", "pdf"), "--format pdf is not known"),
    (("decide", "--users", "0"), "there are no 0 users"),
    (("decide", "--users", "1000000"), "no phase holds 1,000,000 users"),
    (("crossover", "upstash-comands", "upstash-fixed-1gb"), "did you mean upstash-commands"),
    (("needs", "--total", "5", "--users", "5", "--each", "0"), "no number of users"),
    (("audit", "nothing.md"), "nothing.md: cannot be read"),
    (("bill", "nothing.csv", "--phase", "2"), "nothing.csv: cannot be read"),
    (("prices", "refresh", "upstash"), "upstash has no official price interface"),
    (("gate", "nothing.yaml", "--phase", "2"), "nothing.yaml"),
    (("decide", "--growth", "nan"), "nan is no figure"),
    (("decide", "--migration", "-5"), "-5.0 is below 0"),
    (("needs", "--total", "inf", "--users", "5"), "inf is no figure"),
    (("needs", "--total", "5", "--users", "5", "--pod", "0"), "0.0 is not above 0"),
    (("needs", "--total", "5", "--users", "5", "--conversion", "200"), "200.0 % are more than all users"),
    (("crossover", "email", "r2-storage"), "email is paid by mails, r2-storage by GB-month"),
    (("curve", "--html", "/nowhere/at/all.html"), "/nowhere/at/all.html cannot be written"),
    (("export", "--phase", "2", "--out", "/"), "/ cannot be written"),
    (("audit", str(DATA / "right.md"), "--junit", "/nowhere/at/all.xml"), "/nowhere/at/all.xml cannot be written"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    """Every wrong input is exit 2 with what is wrong."""
    code, _, err = asked(capsys, *arguments)
    assert code == 2
    assert message in err


REFUSED = [
    (6, ("--phase", "2", "--book", "list-2026-11")),
    (6, ("--book", "list-2026-11")),
    (3, ("audit", str(DATA / "shop.md"))),
    (3, ("prices", "check")),
]


@pytest.mark.parametrize(("code", "arguments"), REFUSED)
def test_a_refusal_leaves_one_document(capsys: pytest.CaptureFixture[str], code: int, arguments: tuple[str, ...]) -> None:
    """With --json an answer that ends with exit 3 or 6 is one document on stdout; the refusal stands on stderr."""
    found, out, err = asked(capsys, *arguments, "--json")
    assert found == code
    assert json.loads(out)["schema"] != "cmctl/error/1"
    assert err.startswith("✗")


def test_what_has_no_price_is_not_free(capsys: pytest.CaptureFixture[str]) -> None:
    """A plan is not compared with a price that nobody knows, and variants without a price are not "nothing to choose from": exit 6."""
    code, _, err = asked(capsys, "crossover", "domain", "upstash-fixed-1gb")
    assert (code, "no price is known for domain" in err) == (6, True)
    code, _, err = asked(capsys, "decide", "--variants", "--book", "list-2026-11")
    assert (code, "no price for Domain, Database backups, Database traffic" in err) == (6, True)
    assert "from 1,000 USD a month on" in asked(capsys, "crossover", "payment-fee", "upstash-fixed-1gb")[1]


def test_decisions_on_lower_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a price is missing, every total that a decision, a minute's price or a tornado shows is a lower bound and says so."""
    _, out, err = asked(capsys, "decide", "--users", "10000", "--book", "list-2026-11")
    assert "10,000 users: phase 1, ≥ $200.80 a month, ≥ $0.02008 each" in out
    assert "the next user costs $393.19 (" in out
    assert "lower bounds, a price is missing" in err
    assert "99.9 % phase 2 ≥ $625.99" in asked(capsys, "slo", "--book", "list-2026-11")[2]
    _, out, err = asked(capsys, "tornado", "--phase", "2")
    assert "phase 2: ≥ $0.01252 for each user" in out
    assert "no price for Domain" in err
    assert document(capsys, "decide", "--book", "list-2026-11")["lower_bounds"] == ["phase 0", "phase 1", "phase 2", "phase 3"]


def test_decisions_count_an_environments_machines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--env` of a cloud environment counts its machines in a decision as in a bill; one that there is not is exit 2."""
    example = Path(__file__).parent.parent.parent / "environments" / "production.example.yaml"
    (tmp_path / "production.yaml").write_text(example.read_text())
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    bill = document(capsys, "--phase", "2", "--env", "production")["total"]
    assert bill == document(capsys, "decide", "--users", "50000", "--env", "production")["cost"] == "420"
    assert asked(capsys, "curve", "--env", "prod")[0] == 2
    assert "variants have the phases' machines, not those of production" in asked(capsys, "decide", "--variants", "--env", "production")[2]


def test_growth_of_any_size(capsys: pytest.CaptureFixture[str]) -> None:
    """Growth too small or too large to be multiplied out still gets an answer."""
    for growth, migration in (("1e-300", "1e14"), ("1e14", "1e14")):
        code, out, _ = asked(capsys, "decide", "--growth", growth, "--migration", migration)
        assert (code, "pays after" in out) == (0, True)


@pytest.mark.parametrize("form", ["csv", "markdown", "html", "openmetrics"])
def test_forms_go_to_stdout(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Every form is data on stdout, without talk."""
    code, out, err = asked(capsys, "--phase", "2", "--format", form)
    assert (code, err) == (0, "")
    assert "200" in out


def test_decisions(capsys: pytest.CaptureFixture[str]) -> None:
    """The next cliff, the break-evens and when going back pays are on one page."""
    _, out, _ = asked(capsys, "decide", "--users", "10000", "--growth", "8", "--migration", "2000")
    assert "user 10,001 costs +$345" in out
    assert "32,259" in out
    assert "pays after" in out
    assert [one["at"] for one in document(capsys, "decide", "--variants")["switches"]][:2] == [1001, 10001]


def test_prices_of_minutes(capsys: pytest.CaptureFixture[str]) -> None:
    """A minute less of downtime costs $1.97, then $25.37."""
    _, out, _ = asked(capsys, "slo")
    assert "$1.97" in out
    assert "$25.37" in out


def test_questions(capsys: pytest.CaptureFixture[str]) -> None:
    """What a pod must hold for $130 to carry a million users."""
    found = document(capsys, "needs", "--total", "130", "--users", "1000000", "--fixed", "80", "--pod", "25", "--price", "10")
    assert found["one_pod_must_hold"] == "500,000 users (2 pods)"
    more = document(capsys, "needs", "--total", "500000", "--users", "100000", "--conversion", "15", "--each", "0.0155")
    assert (more["a_payer_must_pay"], more["must_share_it"]) == ("$33.33", "32,258,065 users")
    assert "from 5,000,000 commands a month on" in asked(capsys, "crossover", "upstash-commands", "upstash-fixed-250mb")[1]


def test_a_gate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Within the budget exit 0, over it 3 with the limit, not to be told 6; comment and JUnit are written."""
    path = tmp_path / "budget.yaml"
    for text, code in (("total: 500", 0), ("total: 499", 3), ("per_user_p90: 1", 6)):
        path.write_text(f"schema: cmctl/budget/1\n{text}\n")
        files = ("--comment", str(tmp_path / "c.md"), "--junit", str(tmp_path / "j.xml"))
        assert asked(capsys, "gate", str(path), "--phase", "2", "--before", "1", *files)[0] == code
    assert "$155 → $500" in (tmp_path / "c.md").read_text()
    assert "<testsuite" in (tmp_path / "j.xml").read_text()


def test_audits(capsys: pytest.CaptureFixture[str]) -> None:
    """A document with contradictions is exit 3 with every line, one without exit 0."""
    code, out, err = asked(capsys, "audit", str(DATA / "shop.md"))
    assert code == 3
    assert "Domain (line 53) is left out" in out
    assert "contradictions" in err
    assert asked(capsys, "audit", str(DATA / "right.md"))[0] == 0


def test_an_audit_of_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A document without a cost table, and a table that cannot be added up, are exit 6: not found is not right."""
    path = tmp_path / "notes.md"
    path.write_text("We pay about $40 a month.\n")
    code, _, err = asked(capsys, "audit", str(path))
    assert (code, "notes.md: no cost table was found" in err) == (6, True)
    path.write_text("- Server: $60 then $50\n- DB: $40\n- Total: $100\n")
    code, out, _ = asked(capsys, "audit", str(path), "--json")
    assert (code, json.loads(out)["tables"][0]["verdict"]) == (6, "cannot tell: line 1 has several amounts")


def test_bills_and_estimates(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A bill is compared; an exported estimate is refused as one."""
    assert document(capsys, "bill", str(DATA / "atlas-focus-1.3.csv"), "--phase", "2")["version"] == "1.3"
    out = tmp_path / "estimate.csv"
    assert asked(capsys, "export", "--phase", "2", "--out", str(out))[0] == 0
    code, _, err = asked(capsys, "bill", str(out), "--phase", "2")
    assert code == 2
    assert "not a bill" in err


def test_price_books(capsys: pytest.CaptureFixture[str]) -> None:
    """Ages of prices and differences of books are tables."""
    assert asked(capsys, "prices", "check", "seed")[0] == 0
    _, out, _ = asked(capsys, "prices", "diff")
    assert "×4.81" in out


def test_the_curve(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The curve is drawn in the terminal, or written as a page."""
    assert "┊ user 10,001" in asked(capsys, "curve")[1]
    page = tmp_path / "curve.html"
    assert asked(capsys, "curve", "--html", str(page))[0] == 0
    assert "<svg" in page.read_text()


def test_tornado(capsys: pytest.CaptureFixture[str]) -> None:
    """Inputs are sorted by how much they move the result."""
    assert document(capsys, "tornado", "--phase", "2")["inputs"][0]["input"] == "E-mail"


def test_nothing_heavy_is_loaded() -> None:
    """The bill of a phase at the documents' prices loads no engine, no exchange rates, no locale data, no numbers' library, and asks nobody."""
    heavy = ("pulumi", "grpc", "scipy", "numpy", "babel", "currency_converter", "locust", "requests", "junitparser", "jinja2", "asyncssh")
    refusing = "import socket; socket.socket.connect = socket.getaddrinfo = None"
    code = f"{refusing}; import sys, cli; code = cli.main(['cost', '--phase', '2']); print(code, [m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
