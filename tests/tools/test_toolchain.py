"""The Pulumi CLI: from PATH if it fits, else the cache, else the official release, else Go."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from errors import CmctlError
from tools import toolchain
from tools.builder import installed
from tools.toolchain import archive_name, on_path, pulumi_family


def program(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return lambda text: program(tmp_path / "bin", text)


@pytest.mark.parametrize(
    ("says", "fits"), [("echo v3.259.0", True), ("echo v3.258.0", False), ("exit 1", False), ("echo 3.259.0-dev", False)]
)
def test_a_cli_on_path_is_used_only_when_it_is_exactly_the_sdks_version(on: Callable[[str], Path], says: str, fits: bool) -> None:
    """Another version on PATH is not used: the SDK and the engine go together."""
    path = on(says)
    assert on_path("3.259.0") == (path if fits else None)


def test_a_broken_cli_on_path_is_passed_over(on: Callable[[str], Path]) -> None:
    """A file that cannot be run is no reason to stop."""
    on("").write_bytes(b"\x7fELF broken")
    assert on_path("3.259.0") is None


def test_the_cli_is_asked_without_a_look_for_updates(on: Callable[[str], Path]) -> None:
    """Asking for the version makes no network request."""
    path = on('[ "$PULUMI_SKIP_UPDATE_CHECK" = true ] && echo v3.259.0')
    assert on_path("3.259.0") == path


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "pulumi-v1.0.0-linux-x64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v1.0.0-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "pulumi-v1.0.0-darwin-arm64.tar.gz"),
    ],
)
def test_the_archive_of_this_machine(system: str, machine: str, name: str) -> None:
    """The release's archives are named by system and machine."""
    assert archive_name("1.0.0", system, machine) == name


def archive() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as packed:
        for name in ("pulumi", "pulumi-language-yaml"):
            entry = tarfile.TarInfo(f"pulumi/{name}")
            entry.mode, entry.size = 0o755, len(name)
            packed.addfile(entry, io.BytesIO(name.encode()))
    return whole.getvalue()


class Releases(http.server.BaseHTTPRequestHandler):
    """Files by name; a content of None cuts the line half-way."""

    files: dict[str, bytes | None] = {}  # noqa: RUF012 - set by each test

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        content = self.files.get(name, b"")
        self.send_response(200 if name in self.files else 404)
        self.send_header("Content-Length", str(1000 if content is None else len(content)))
        self.end_headers()
        self.wfile.write(b"half" if content is None else content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def releases() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Releases)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(content: bytes | None, checksum: str) -> None:
    family = pulumi_family()
    name = archive_name(family.version, toolchain.platform.system(), toolchain.platform.machine())
    Releases.files = {name: content, f"pulumi-{family.version}-checksums.txt": f"{checksum}  {name}\n{'0' * 64}  other.tar.gz\n".encode()}


def download(tmp_path: Path, releases: str, said: list[str]) -> Path | None:
    family = pulumi_family()
    return toolchain._download(family, installed(family, tmp_path), said.append, releases)


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "tools" / "pulumi").iterdir() if path.name != ".lock")


def test_the_official_release_is_installed_whole(tmp_path: Path, releases: str) -> None:
    """Every program of the archive lies beside the CLI, and nothing of the download stays."""
    publish(archive(), hashlib.sha256(archive()).hexdigest())
    found = download(tmp_path, releases, [])
    assert found == installed(pulumi_family(), tmp_path)
    assert found.read_text() == "pulumi"
    assert found.stat().st_mode & 0o111
    assert (found.parent / "pulumi-language-yaml").exists()
    assert left(tmp_path) == [found.parent.name]


def test_a_changed_archive_is_refused(tmp_path: Path, releases: str) -> None:
    """An archive without its published checksum is an error, never installed and never worked around."""
    publish(archive(), "1" * 64)
    with pytest.raises(CmctlError, match="does not have its published checksum"):
        download(tmp_path, releases, [])
    assert left(tmp_path) == []


def test_an_archive_without_a_checksum_is_refused(tmp_path: Path, releases: str) -> None:
    """A release that publishes no checksum for this machine is not trusted."""
    publish(archive(), "1" * 64)
    Releases.files |= {name: b"" for name in Releases.files if name.endswith(".txt")}
    with pytest.raises(CmctlError, match="published is None"):
        download(tmp_path, releases, [])


def test_a_line_cut_half_way_means_it_is_built(tmp_path: Path, releases: str) -> None:
    """A download that breaks off leaves nothing and hands over to the build, with the reason."""
    publish(None, "1" * 64)
    said: list[str] = []
    assert download(tmp_path, releases, said) is None
    assert "broke off after 4 of 1000 bytes" in said[-1]
    assert left(tmp_path) == []


def test_a_network_that_does_not_answer_means_it_is_built(tmp_path: Path) -> None:
    """Where nothing answers, nothing is reported as an error and nothing is left."""
    said: list[str] = []
    assert download(tmp_path, "http://127.0.0.1:1", said) is None
    assert said == []


def test_the_version_is_the_sdks() -> None:
    """The CLI's version is read from the installed SDK and set in the program, not written down a second time."""
    family = pulumi_family()
    assert family.version == toolchain.version("pulumi")
    assert family.ldflags == (f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{family.version}",)
    text = (family.module / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{family.version}" in text
    assert f"github.com/pulumi/pulumi/sdk/v3 v{family.version}" in text
