"""The journeys as a Locust user. `locust -f loadtests/locustfile.py --host https://localhost:8443` plays them in Locust's own UI.

CMCTL_LOAD_PLAN names a plan's JSON file; without it the journeys of the platform that
CMCTL_PLATFORM names, by default Codementee's, are played with the stand-in's accounts.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events, task

from loadtests import journeys as catalogue
from loadtests import plan as plans
from loadtests.audience import Audience
from loadtests.visits import Step, Visit
from loadtests.wire import context_factory, header, pin
from phases.load import load
from phases.model import Journey
from phases.steps import Request


def given() -> plans.Plan | None:
    """The plan that CMCTL_LOAD_PLAN names."""
    path = os.environ.get("CMCTL_LOAD_PLAN")
    return plans.parse(Path(path).read_text(encoding="utf-8")) if path else None


PLAN = given()


def played() -> tuple[Mapping[str, Journey], Mapping[str, Request]]:
    """Journeys, and the steps of the platform's own."""
    if PLAN:
        return PLAN.journeys, PLAN.steps
    platform = load(os.environ.get("CMCTL_PLATFORM", "codementee")).platform
    return platform.journeys, platform.steps


@events.init.add_listener  # type: ignore[untyped-decorator]
def prepare(**_: Any) -> None:
    if PLAN:
        pin(PLAN.target)


class Visitor(FastHttpUser):
    """One user after the other: a journey drawn by weight, its steps in order, thinking in between."""

    host = PLAN.target.url if PLAN else None
    insecure = PLAN is None
    ssl_context_factory = staticmethod(context_factory(PLAN.target)) if PLAN else None
    connection_timeout = 5.0
    network_timeout = PLAN.timeout_s if PLAN else 10.0
    max_redirects = 0
    concurrency = PLAN.max_in_flight if PLAN else 10

    def on_start(self) -> None:
        """Make the account with which journeys of returning users begin."""
        self.mix, own = played()
        # Each visit has cookies of its own; Locust's would go on to the next.
        self.client.client.cookiejar = None
        self.audience = Audience(
            self.mix, size=1, random=random.Random(), run=secrets.token_hex(4),  # noqa: S311 - a mix of journeys is no secret
            addresses=PLAN.client_addresses if PLAN else plans.ADDRESS_POOL, variables=PLAN.variables if PLAN else plans.STAND_IN_ADMIN,
            born=secrets.randbelow(plans.ADDRESS_POOL), own=own, site=self.host or "",
        )  # fmt: skip
        visit = self.audience.arrive()
        if (PLAN.accounts if PLAN else catalogue.needs_accounts(self.mix.values(), own)) and self.play(
            visit, catalogue.CATALOGUE["register"]
        ):
            self.audience.accounts = [(visit.values["email"], visit.values["password"])]

    @task
    def visit(self) -> None:
        visit = self.audience.arrive()
        think = self.mix[visit.journey].think_s
        while (step := visit.step) is not None and self.play(visit, step):
            gevent.sleep(visit.random.uniform(*think))

    def play(self, visit: Visit, step: Step) -> bool:
        """One request; whether its answer was what the step expects."""
        call = visit.call(step)
        sent: Any = self.client.request(
            call.method,
            call.path,
            name=step.shown,
            data=call.body.decode(),
            headers=dict(call.headers),
            catch_response=True,
            allow_redirects=False,
        )
        with sent as answer:
            good = visit.answered(step, answer.status_code, lambda: bytes(answer.content or b""), partial(header, answer.headers))
            if good:
                answer.success()
            else:
                answer.failure(f"{step.name} answered {answer.status_code}{f': {visit.why}' if visit.why else ''}")
        return good
