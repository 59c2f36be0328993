"""Who is asked what was in use: a Prometheus, the hosts, nobody; and that no figure that is missing ends a load test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from commands import load_plan, load_watch
from commands.load_watch import Memory, OnHosts, Watching
from environments.load import load as load_environment
from errors import BadInput
from hosts import door
from hosts.figures import Figures
from loadtests import findings, scraped
from loadtests.looks import Looks
from loadtests.plan import Probe
from loadtests.progress import Started
from loadtests.result import Binding, Watched
from loadtests.uses import Look, Window
from tests.loadtests import figures
from tests.monitoring.server import AT, Server, refused, serving, vector

WINDOWS = [Window("a", 1000.0, 1025.0), Window("b", 2000.0, 2060.0)]


@pytest.fixture
def prometheus() -> Iterator[Server]:
    """A Prometheus that is up, scrapes every 15 s, and whose clock says AT."""
    with serving() as server:
        server.answers["up"] = (200, vector(({"job": "a"}, "1")))
        server.answers["time()"] = (200, {"status": "success", "data": {"resultType": "scalar", "result": [AT, str(AT)]}})
        server.answers[scraped.INTERVAL] = (200, vector(({}, "15.0004")))
        yield server


def expression(resource: str, seconds: int) -> str:
    return next(one.expression for one in scraped.QUESTIONS if one.resource == resource).replace("WINDOW", f"{seconds}s")


def recalled(server: Server) -> tuple[dict[str, dict[str, float]], list[str]]:
    told: list[str] = []
    return {probe: dict(found) for probe, found in Memory(server.url).recalled(WINDOWS, told.append)}, told


def test_each_probe_has_its_own_window(prometheus: Server) -> None:
    """Each probe's shares are asked for its own end, by Prometheus' clock; what is no number or is missing is left out."""
    prometheus.answers[expression("CPU of host {}", 34)] = (200, vector(({"host": "app1"}, "0.93"), ({"host": "app2"}, "NaN")))
    prometheus.answers[expression("write pool of {}", 60)] = (200, vector(({"instance_id": "backend-1"}, "1")))
    found, told = recalled(prometheus)
    assert found == {"a": {"CPU of host app1": 0.93}, "b": {"write pool of backend-1": 1.0}}
    assert told == []
    ahead = AT - time.time()
    moments = {float(query["time"][0]) for _, query in prometheus.asked if "time" in query}
    assert sorted(moments) == pytest.approx([1025.0 + ahead, 2060.0 + ahead], abs=2)


def test_a_question_that_is_not_understood_is_told_once(prometheus: Server) -> None:
    """An older Prometheus that refuses one expression answers the others; the report says which was lost."""
    for seconds in (34, 60):
        prometheus.answers[expression("clients of {}", seconds)] = (400, refused("bad_data", "parse error"))
    prometheus.answers[expression("memory of {}", 34)] = (200, vector(({"store": "redis-cache"}, "0.4")))
    watch = Watching(memory=Memory(prometheus.url))
    assert watch.recall(WINDOWS) == {"a": {"memory of redis-cache": 0.4}, "b": {}}
    assert watch.told().by == f"Prometheus at {prometheus.url}"
    assert watch.told().why.count("parse error") == 1


def test_a_prometheus_that_dies_keeps_what_it_said(prometheus: Server) -> None:
    """From the first answer that does not come nothing is asked any more, and the report says why."""
    prometheus.answers[expression("CPU of host {}", 34)] = (200, vector(({"host": "app1"}, "0.9")))
    prometheus.answers[expression("CPU of host {}", 60)] = (503, b"going down")
    found, told = recalled(prometheus)
    assert found == {"a": {"CPU of host app1": 0.9}}
    assert len(told) == 1
    assert prometheus.url in told[0]


def test_a_slow_prometheus_is_asked_for_a_while(prometheus: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time for asking is over the load test ends without the rest, and says so."""
    monkeypatch.setattr(load_watch, "RECALL_S", -1.0)
    assert recalled(prometheus) == ({}, [f"Prometheus at {prometheus.url} is slow: it was not asked about every probe"])


def asked(**changes: object) -> load_plan.Asked:
    return load_plan.Asked("codementee", 2, "lab", **changes)  # type: ignore[arg-type]


def test_prometheus_goes_before_hosts(prometheus: Server, private_home: object) -> None:
    """Where one is named and answers, it is asked, and the hosts are left alone."""
    watch = load_watch.watching(asked(prometheus=prometheus.url))
    assert (watch.looking, watch.asked) == (None, [f"Prometheus at {prometheus.url}"])


def test_hosts_where_no_prometheus_answers(private_home: object) -> None:
    """Without one, or with one that does not answer, the phase's hosts are looked at over SSH, each once; why stays known."""
    for url, why in ((None, "names no Prometheus"), ("http://127.0.0.1:1", "nothing answers there")):
        watch = load_watch.watching(asked(prometheus=url))
        assert watch.memory is None
        assert isinstance(watch.looking, OnHosts)
        assert sorted(watch.looking._there) == ["app1", "app2", "data1", "lb1"]
        assert why in " ".join(watch.why)


def test_phase_3_without_prometheus_is_not_watched(private_home: object) -> None:
    """On a cluster there are no hosts to ask: nothing is watched, and the reason comes with what to do."""
    watch = load_watch.watching(load_plan.Asked("codementee", 3, "lab"))
    assert (watch.look(), watch.recall(WINDOWS)) == ({}, {})
    told = watch.told()
    assert told.by == ""
    assert "names no Prometheus" in told.why
    assert "--prometheus URL" in told.why


def test_an_address_that_is_none_is_refused(private_home: object) -> None:
    """A wrong address ends the command before any load."""
    with pytest.raises(BadInput, match="is no address"):
        load_watch.watching(asked(prometheus="prometheus:9090"))


def test_a_phase_without_monitoring_is_not_asked(private_home: object) -> None:
    """A local phase that has no Prometheus of its own does not ask whoever else listens at that port."""
    environment = load_environment("local")
    assert load_watch._prometheus(load_plan.Asked("codementee", 2, "local"), environment) == f"http://{environment.listen.address}:9090"
    assert load_watch._prometheus(load_plan.Asked("codementee", 0, "local"), environment) is None


def test_hosts_and_containers_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares are of what each may use, over the host's own seconds; another platform's containers are not ours; a lost host is told."""
    told: list[str] = []
    looks = iter([
        {"app1": figures_at(100.0, 10.0, 4.0), "app2": figures_at(70.0, 1.0, 1.0)},
        {"app1": figures_at(110.0, 25.0, 8.5), "app2": "app2 gave no figures within 9 s"},
    ])  # fmt: skip
    monkeypatch.setattr(door, "figures_now", lambda _: next(looks))
    watch = OnHosts({}, "shop-cloud-", told.append, one_machine=False)
    assert watch() == {}
    assert watch() == {"CPU of host app1": 0.75, "memory of host app1": 0.5, "CPU of phase2-blue-backend-1 on app1": 0.9}
    assert told == ["app2 gave no figures within 9 s"]


def figures_at(clock: float, host_s: float, backend_s: float) -> Figures:
    ours, others = Look(backend_s, 0.5, 0, 0), Look(backend_s, 0.1, 0, 0)
    return Figures(clock, Look(host_s, 2.0, 4, 8), {"shop-cloud-phase2-blue-backend-1": ours, "other-cloud-x": others})


def test_a_lab_is_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hosts of a lab share this machine's cores: its CPU is told once, as what it is."""
    looks = iter([{"app1": figures_at(100.0, 10.0, 4.0)}, {"app1": figures_at(110.0, 25.0, 4.0)}])
    monkeypatch.setattr(door, "figures_now", lambda _: next(looks))
    watch = OnHosts({}, "shop-cloud-", lambda _: None, one_machine=True)
    watch()
    assert watch() == {"CPU of this machine": 0.75, "CPU of phase2-blue-backend-1 on app1": 0.0}


def test_whatever_fails_the_load_goes_on() -> None:
    """A look and a question that raise give no shares; the report says what failed."""

    def broken() -> dict[str, float]:
        raise RuntimeError("no more threads")

    watch = Watching(looking=broken, looks_at="the hosts")
    probe = Probe(name="50/s", rate_per_s=50, seconds=5)
    with Looks(watch) as looks:
        looks.hearing(lambda _: None)(Started(probe=probe))
        looks.after(probe, figures.measured(100, 0, 0))
        assert looks.found() == {"50/s": {}}
    assert "no more threads" in watch.told().why
    assert watch.told().by == ""


def test_looks_belong_to_their_probes() -> None:
    """What a look and what Prometheus say of one probe are one answer; the window is the load that counts, without its warm-up."""
    windows: list[Window] = []

    class Both:
        def look(self) -> dict[str, float]:
            return {"CPU": 0.5}

        def recall(self, asked: list[Window]) -> dict[str, dict[str, float]]:
            windows.extend(asked)
            return {"50/s": {"pool": 0.9}}

    probe = Probe(name="50/s", rate_per_s=50, seconds=30, warmup_s=0.0)
    with Looks(Both()) as looks:  # type: ignore[arg-type]
        looks.hearing(lambda _: None)(Started(probe=probe))
        looks.after(probe, figures.measured(100, 0, 0))
        assert looks.found() == {"50/s": {"CPU": 0.5, "pool": 0.9}}
    (window,) = windows
    assert 0 <= window.ended - window.began <= 30.0
    with Looks(None) as looks:
        looks.after(probe, None)
        assert looks.found() == {}


def test_who_had_no_figures_is_named(prometheus: Server) -> None:
    """Of two who were asked, the one who knew is the source, the other is what is missing."""
    watch = Watching(lambda: {"CPU": 0.5}, "the containers' own figures", Memory(prometheus.url))
    watch.look()
    watch.recall(WINDOWS)
    assert watch.told() == Watched(by="the containers' own figures", why=f"Prometheus at {prometheus.url} had no figures")


@pytest.mark.parametrize(
    ("uses", "resource", "watched", "says"),
    [
        ({"CPU": 0.97}, "CPU", Watched(by="Prometheus at http://p"), "CPU is used up (97% in use, according to Prometheus at http://p)."),
        ({"CPU": 0.4, "pool": 0.6}, "", Watched(by="b"), "No resource that was watched is used up: of pool, the most used, 40% are free, according to b."),
        ({"CPU": 0.97}, "CPU", Watched(by="x", why="app2 is away"), "CPU is used up (97% in use, according to x). Not everything was seen: app2 is away."),
        ({}, "", Watched(why="environment a names no Prometheus; try b"), "Nothing was watched: environment a names no Prometheus; try b."),
        ({}, "", None, "Nothing was watched."),
        ({}, "", Watched(by="x", why="it went"), "What was in use near the limit is not known. Not everything was seen: it went."),
    ],
)  # fmt: skip
def test_what_is_said_of_resources(uses: dict[str, float], resource: str, watched: Watched | None, says: str) -> None:
    """Nobody who watched is another answer than nothing that is used up."""
    result = figures.searched("a", (1, 2, 3)).model_copy(
        update={"binding": Binding(slo="p95", endpoint="login", resource=resource, uses=uses), "watched": watched}
    )
    assert findings.binds(result) == f"The SLO on latency is reached first, nearest to it is login. {says}"
