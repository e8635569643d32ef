"""What a fresh machine gets: a wheel with our four packages, and files that name no other machine."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from tests.architecture.tree import PACKAGES, ROOT, program, tracked_files


def test_nobody_else_provides_our_top_level_names() -> None:
    """An editable install lists no files, so the four may be absent; another owner would be listed."""
    owners = packages_distributions()
    for package in PACKAGES:
        assert owners.get(package, ["evenkeel"]) == ["evenkeel"]
    (script,) = distribution("evenkeel").entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("evenkeel", "entrypoints.cli:main")


def test_the_wheel_holds_the_four_packages_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("evenkeel-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert not [name for name in names if "node_modules" in name or name.endswith("ruff.toml")]


def test_swagger_ui_is_installed_and_needs_no_other_host() -> None:
    static = files("swagger_ui") / "static"
    for name in ("swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"):
        assert (static / name).is_file()


COMPOSE = ROOT / "docker-compose.yml"


def services() -> dict[str, dict[str, object]]:
    parsed: dict[str, dict[str, object]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return parsed


def test_compose_names_the_production_roles() -> None:
    assert {"postgres", "migrate", "api", "worker", "projector"} <= set(services())


def test_compose_holds_no_secret() -> None:
    for service in services().values():
        assert "secret" not in str(service.get("environment", "")).lower()
        assert "environment" not in service or "PASSWORD:" not in str(service["environment"])


def container_commands() -> list[list[str]]:
    """Every command that the image or a service starts, without its options."""
    stated = [words for service in services().values() if isinstance(words := service.get("command"), list)]
    (default,) = re.findall(r"^CMD \[(.+)]$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    ours = [*stated, [word.strip().strip('"') for word in default.split(",")]]
    return [[word for word in words if not word.startswith("-")] for words in ours]


def test_the_image_starts_our_command() -> None:
    (entry,) = re.findall(r"^ENTRYPOINT \[(.+)]$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert entry == '"evenkeel"'
    assert Path(program("evenkeel")).exists()


@pytest.mark.parametrize("words", container_commands(), ids=" ".join)
def test_every_command_of_a_container_exists(words: list[str]) -> None:
    run = subprocess.run(
        [program("evenkeel"), *words, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr


# Spelled in pieces, so that this file does not find itself.
ELSEWHERE = re.compile(
    "|".join(
        [
            r"(?<![\w.}])/(?:"
            + "|".join(["wor" + "k", "far" + "m", "roo" + "t", "hom" + "e/[a-z]"])
            + r")\b/?",
            r"/tmp/" + r"v\b",
            r"[.]" + r"pyenv/",
            r"/bash_" + r"jobs",
            r"pypi[.]" + r"org|python" + r"hosted[.]org|registry[.]" + r"npmjs|file://" + r"/opt",
        ]
    )
)


def test_no_tracked_file_names_a_machine_or_a_package_index() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # data, not text
        found += [
            f"{path.relative_to(ROOT)}:{number}: {hit.group()}"
            for number, line in enumerate(text.splitlines(), start=1)
            if (hit := ELSEWHERE.search(line))
        ]
    assert found == []


def test_the_image_can_dump_the_server_that_it_is_composed_with() -> None:
    """pg_dump refuses a server that is newer than itself."""
    (client,) = re.findall(r"^ARG POSTGRES_MAJOR=(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    server = re.fullmatch(r"postgres:(\d+)", str(services()["postgres"]["image"]))
    assert server is not None
    assert int(client) >= int(server[1])
