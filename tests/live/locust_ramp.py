"""The peer: plain Locust, users that think 1 to 3 s, one more every half second until p95 of the last ten seconds exceeds 200 ms."""

from __future__ import annotations

import sys

import gevent
from locust import FastHttpUser, LoadTestShape, between, events, task

from loadtests.priority import be_on_time

LIMIT_MS, RAMP_S, TOP_USERS, WATCH_AFTER_S = 200, 600, 1200, 20


class Visitor(FastHttpUser):
    wait_time = between(1, 3)

    @task
    def hit(self) -> None:
        self.client.get("/")


class Ramp(LoadTestShape):
    use_common_options = False

    def tick(self) -> tuple[int, float] | None:
        at = self.get_run_time()
        return (max(1, round(TOP_USERS * at / RAMP_S)), 10) if at < RAMP_S else None


@events.test_start.add_listener
def watch(environment, **_: object) -> None:
    be_on_time()

    def look() -> None:
        total, waited = environment.stats.total, 0
        while True:
            gevent.sleep(2)
            waited += 2
            p95 = total.get_current_response_time_percentile(0.95)
            if waited > WATCH_AFTER_S and p95 and p95 > LIMIT_MS:
                sys.stdout.write(f"limit {total.current_rps} after {waited}\n")
                sys.stdout.flush()
                environment.runner.quit()
                return

    gevent.spawn(look)
