"""Whether a server out there answers; never longer than its limit, name look-up included."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request

ANSWER_S = 5.0


def reaches(url: str, limit_s: float = ANSWER_S) -> bool:
    """Whether `url` gives any HTTP answer below 500 within the limit: an image registry says 401 to a stranger.

    A thread of its own, because no timeout of a socket bounds the name look-up or a server with many addresses.
    """
    heard: list[int] = []
    asking = threading.Thread(target=_ask, args=(url, limit_s, heard), daemon=True)
    asking.start()
    asking.join(limit_s)
    return bool(heard) and heard[0] < 500


def _ask(url: str, limit_s: float, heard: list[int]) -> None:
    try:
        with urllib.request.urlopen(url, timeout=limit_s) as answer:  # noqa: S310 - the callers' constants
            heard.append(answer.status)
    except urllib.error.HTTPError as error:
        heard.append(error.code)
        error.close()
    except (OSError, ValueError, http.client.HTTPException):
        return
