"""compose.yaml says what a container engine will accept, and its commands run with its environment."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from contracts.settings import Settings

ROOT = Path(__file__).parent.parent
SECRETS = {"POSTGRES_PASSWORD": "compose", "JWT_SECRET": "0123456789abcdef0123456789abcdef"}

TEXT_OR_LIST = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
DURATION = {"type": "string", "pattern": r"^(\d+(ms|s|m|h))+$"}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "command"],
    "properties": {
        "image": {"type": "string"},
        "build": {"type": "string"},
        "command": TEXT_OR_LIST,
        # YAML reads 5050 or true as no string, and engines differ in how they spell it then.
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^(\d+\.\d+\.\d+\.\d+:)?\d+:\d+$"},
        },
        "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+:/"}},
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "shm_size": {"type": "string", "pattern": r"^\d+[kmg]b$"},
        "stop_grace_period": DURATION,
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "additionalProperties": False,
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
                },
            },
        },
        "healthcheck": {
            "type": "object",
            "required": ["test"],
            "additionalProperties": False,
            "properties": {
                "test": {
                    "type": "array",
                    "prefixItems": [{"enum": ["CMD", "CMD-SHELL", "NONE"]}],
                    "items": {"type": "string"},
                },
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer", "minimum": 1},
            },
        },
    },
}
#: The part of the Compose specification that we use: https://github.com/compose-spec/compose-spec
COMPOSE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["services"],
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "type": "object",
            "patternProperties": {"^[a-z]+$": SERVICE},
            "additionalProperties": False,
        },
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}


def interpolate(text: str, given: Mapping[str, str]) -> str:
    """`${NAME:-default}` and `${NAME:?message}` as an engine would fill them in."""

    def fill(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        value = given.get(name, "")
        if not value and kind == "?":
            raise KeyError(f"{name}: {rest}")
        return value or (rest if kind == "-" else "")

    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", fill, text)


def compose(given: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    loaded: dict[str, Any] = filled(yaml.safe_load((ROOT / "compose.yaml").read_text()), given)
    return loaded


def filled(part: Any, given: Mapping[str, str]) -> Any:
    """Engines interpolate after reading the YAML, so that a filled-in `false` stays text."""
    if isinstance(part, dict):
        return {name: filled(inner, given) for name, inner in part.items()}
    if isinstance(part, list):
        return [filled(inner, given) for inner in part]
    return interpolate(part, given) if isinstance(part, str) else part


def test_the_file_keeps_to_the_specification() -> None:
    jsonschema.validate(compose(), COMPOSE)
    services = compose()["services"]
    assert set(services) >= {"postgres", "api", "worker"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose()["volumes"], name
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}"


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_a_missing_secret_is_asked_for(secret: str) -> None:
    with pytest.raises(KeyError, match=f"{secret}.*into .env"):
        compose({name: value for name, value in SECRETS.items() if name != secret})


@pytest.mark.parametrize("service", ["migrate", "api", "worker"])
def test_every_variable_is_a_setting_with_a_valid_value(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = compose()["services"][service]["environment"]
    assert {name.lower() for name in environment} <= set(Settings.model_fields)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database_url is not None
    assert urlsplit(settings.database_url).hostname in compose()["services"], "the host is a service"
    if service == "worker":
        grace = int(compose()["services"]["worker"]["stop_grace_period"].rstrip("s"))
        assert grace > settings.worker_drain_s


def test_the_image_holds_the_same_packages_as_the_environment() -> None:
    def pins(name: str) -> dict[str, str]:
        found = re.findall(r"^([a-z0-9._-]+(?:\[\w+\])?)==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
        return dict(found)

    everything, image = pins("requirements.lock"), pins("requirements-run.lock")
    assert image
    assert image.items() <= everything.items(), "run `make lock`"
    for name in ("requirements.lock", "requirements-run.lock", "requirements-bench.lock", "requirements-peers.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text, f"{name} names an address"
        assert re.findall(r"^[a-z].*==.*[^\\]$", text, re.MULTILINE) == [], "a line without a hash follows"


def test_the_image_is_given_what_it_copies() -> None:
    copied = re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert [name for name in copied if not (ROOT / name).exists()] == []


class Stack:
    """The services as processes here: same commands, same environment, our database and a free port."""

    def __init__(self, db_url: str, folder: Path) -> None:
        self.services = compose()["services"]
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.moved = {"DATABASE_URL": db_url, "API_PORT": self.port, "HEADWATER_DATA": str(folder)}
        self.running: dict[str, subprocess.Popen[str]] = {}

    def environment(self, service: str) -> dict[str, str]:
        asked = self.services[service]["environment"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder), **asked, **self.moved}

    def run(self, service: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, service: str) -> subprocess.Popen[str]:
        with (self.folder / f"{service}.log").open("w") as log:
            self.running[service] = subprocess.Popen(
                self.services[service]["command"],
                env=self.environment(service),
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self.running[service]

    def health(self, service: str) -> subprocess.CompletedProcess[str]:
        return self.run(service, self.services[service]["healthcheck"]["test"][1:])

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()[-3000:]


@pytest.fixture
def stack(empty_db_url: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(empty_db_url, tmp_path)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.mark.slow
def test_the_commands_run_as_processes(stack: Stack) -> None:
    migrated = stack.run("migrate", stack.services["migrate"]["command"])
    assert migrated.returncode == 0, migrated.stderr
    worker, api = stack.start("worker"), stack.start("api")
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready worker\n", stack.log("worker")
    assert api.stdout is not None
    # The line comes when /readyz answers 200: database, migrations, and the worker's dispatcher are up.
    ready = next((line for line in api.stdout if line.startswith("ready ")), "")
    assert re.match(rf"ready http://\S+:{stack.port}$", ready), stack.log("api")
    for service in ("api", "worker"):
        checked = stack.health(service)
        assert checked.returncode == 0, checked.stderr
    for process, name in ((worker, "worker"), (api, "api")):
        process.terminate()
        assert process.wait(timeout=40) == 0, stack.log(name)
