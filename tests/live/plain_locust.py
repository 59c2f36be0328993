"""The peer: Locust's own FastHttpUser with eight users without a pause: `python -m tests.live.plain_locust PORT SECONDS`.

Prints the requests it sent per second of its own CPU time.
"""

from __future__ import annotations

import sys
import time

import gevent
from locust import FastHttpUser, task
from locust.env import Environment

from loadtests.priority import be_on_time

USERS = 8


class Visitor(FastHttpUser):
    @task
    def hit(self) -> None:
        self.client.get("/")


def main(port: int, seconds: float) -> None:
    environment = Environment(user_classes=[Visitor], host=f"http://127.0.0.1:{port}")
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=USERS)
    gevent.sleep(1)
    sent, used = environment.stats.total.num_requests, time.process_time()
    gevent.sleep(seconds)
    print((environment.stats.total.num_requests - sent) / (time.process_time() - used))
    runner.quit()


if __name__ == "__main__":
    be_on_time()
    main(int(sys.argv[1]), float(sys.argv[2]))
