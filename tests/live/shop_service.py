"""A small shop for the generator's live tests: `shop_service.py [KIND]`. It signs users in by cookie and token, and is strict about both.

KIND `moved` answers everything with a redirect to another host, `large` with more content than anybody reads. On SIGTERM it prints what it saw.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

PIECE = b"x" * 1_000_000
SEEN: dict[str, Any] = {"orders": 0, "refused": [], "users": 0, "pouring": 0}
CARTS: dict[str, list[Any]] = {}
NUMBERS = count(1)
# Every connection has a thread.
COUNTING = threading.Condition()
LAST_S = 10.0


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = "good"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            return
        self.content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        route = f"{self.command} {urlsplit(self.path).path}"
        if self.kind == "moved":
            self.say(301, b"", Location="https://www.example.org/")
        elif self.kind == "large":
            self.pour()
        else:
            getattr(self, ROUTES.get(route, "lost"))()
        self.wfile.flush()

    def say(self, status: int, content: bytes | dict[str, Any], cookies: tuple[str, ...] = (), **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in [("Content-Length", str(len(body))), *headers.items(), *(("Set-Cookie", one) for one in cookies)]:
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if status >= 400:
            SEEN["refused"].append(f"{self.command} {self.path} {status}")
        self.wfile.write(body)

    def seen(self, what: str, more: int = 1) -> None:
        with COUNTING:
            SEEN[what] += more
            COUNTING.notify_all()

    def pour(self) -> None:
        self.seen("pouring")
        self.send_response(200)
        self.send_header("Content-Length", str(100 * len(PIECE)))
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(PIECE)
        except OSError:
            SEEN["refused"].append("hung up")
        self.seen("pouring", -1)

    def cookies(self) -> dict[str, str]:
        return dict(one.split("=", 1) for one in self.headers.get("Cookie", "").split("; ") if one)

    def signed_in(self) -> str:
        session = self.cookies().get("connect.sid", "")
        return session if self.headers.get("Authorization") == f"Bearer token-{session}" else ""

    def lost(self) -> None:
        self.say(404, {"detail": "nothing here"})

    def login(self) -> None:
        given = json.loads(self.content)
        if not given.get("email", "").endswith("@example.invalid") or given.get("password") != "of & all":
            return self.say(401, {"detail": "who?", "given": given})
        session = f"s{next(NUMBERS)}"
        CARTS[session] = []
        self.seen("users", int("connect.sid" not in self.cookies()))
        old = "connect.sid=old; Path=/; Max-Age=0"
        return self.say(
            200, {"access_token": f"token-{session}"}, (old, f"connect.sid={session}; Path=/; HttpOnly; SameSite=Lax", "ad=1; Path=/ads")
        )

    def products(self) -> None:
        page = parse_qs(urlsplit(self.path).query)["page"][0]
        self.say(200, {"page": page, "items": [{"id": 17}, {"id": 18}]})

    def cart(self) -> None:
        session, given = self.signed_in(), json.loads(self.content)
        if not session or "ad" in self.cookies() or given != {"product": given["product"], "many": 2} or given["product"] not in (17, 18):
            return self.say(403, {"detail": "not yours"})
        CARTS[session].append(given["product"])
        return self.say(201, b"", Location=f"/api/carts/{session}?full=1")

    def order(self) -> None:
        session, given = self.signed_in(), {name: values[0] for name, values in parse_qs(self.content.decode()).items()}
        if not session or given != {"cart": f"/api/carts/{session}?full=1", "note": "two words & more"} or len(CARTS[session]) != 1:
            return self.say(409, {"detail": "no such cart"})
        self.seen("orders")
        return self.say(302, b"order taken", Location=f"/api/orders/{session}")

    def log_message(self, *_: object) -> None:
        return


ROUTES = {"POST /api/login": "login", "GET /api/products": "products", "POST /api/cart": "cart", "POST /api/orders": "order"}


def main() -> None:
    Shop.kind = (sys.argv[1:] or ["good"])[0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    print(f"listening {server.server_address[1]}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    with COUNTING:
        COUNTING.wait_for(lambda: not SEEN["pouring"], LAST_S)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a test that asks nothing has closed its end
    print(json.dumps({**SEEN, "refused": SEEN["refused"][:5], "many_refused": len(SEEN["refused"])}), flush=True)


if __name__ == "__main__":
    main()
