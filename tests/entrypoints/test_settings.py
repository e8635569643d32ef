"""Settings: where they come from, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.settings import FILE_VARIABLE, InvalidSettings, Settings, load_settings, unknown_variables
from tests.entrypoints.conftest import Cli


def test_every_setting_says_what_it_means() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_default_database_lies_in_the_data_folder(data_dir: Path) -> None:
    assert load_settings().database == f"sqlite:///{data_dir}/evenkeel.db"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "evenkeel.toml"
    file.write_text('http_port = 1001\nmetrics_port = 1002\nlog_level = "debug"\n')
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    monkeypatch.setenv("EVENKEEL_METRICS_PORT", "2002")
    settings = load_settings(log_level="error", http_host=None)
    assert (settings.http_port, settings.metrics_port, settings.log_level) == (1001, 2002, "error")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("HTTP_PORT", "eighty"), ("HTTP_PORT", "70000"), ("LOG_LEVEL", "loud"), ("SHUTDOWN_S", "-1")),
        *(("LOG_ORIGIN", "my log"), ("LOG_ORIGIN", "a+b"), ("LOG_ORIGIN", "https://log.example.com/1")),
        *(
            ("LOG_ORIGIN", "tab\tbed"),
            ("LOG_ORIGIN", "a\u00a0b"),
            ("LOG_ORIGIN", "bell\x07"),
            ("LOG_ORIGIN", "x/"),
        ),
        *(("LOG_ORIGIN", "\u00e9" * 128), ("READY_SEAL_AGE_S", "0.0")),
        *(
            ("CHECKPOINT_URLS", "ftp://host/"),
            ("CHECKPOINT_URLS", "https://ok.example/,http://u:hunter2@h:x/"),
        ),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"EVENKEEL_{name}", value)
    with pytest.raises(InvalidSettings, match=f"EVENKEEL_{name}: ") as refused:
        load_settings()
    assert value not in str(refused.value)


def test_a_logs_name_is_what_its_notes_can_be_signed_with(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C2SP tlog-checkpoint and signed-note: said when a process starts, not when the key is made."""
    for origin in ("example.com/log42", "evenkeel.local/log", "l\u00f6g.example"):
        assert load_settings(log_origin=origin).log_origin == origin
    with pytest.raises(InvalidSettings, match="EVENKEEL_LOG_ORIGIN: a log's name is not empty"):
        load_settings(log_origin="")
    monkeypatch.setenv("EVENKEEL_LOG_ORIGIN", "my log")
    ran = cli("serve")
    assert (ran.code, "EVENKEEL_LOG_ORIGIN: a log's name is not empty and has no spaces" in ran.err) == (
        2,
        True,
    )
    assert not data_dir.exists()


def test_addresses_to_push_to_are_a_list(data_dir: Path) -> None:
    assert load_settings().checkpoint_addresses == []
    urls = "https://a.example/1, http://127.0.0.1:8080/x?y=z,"
    assert load_settings(checkpoint_urls=urls).checkpoint_addresses == [
        "https://a.example/1",
        "http://127.0.0.1:8080/x?y=z",
    ]


def test_a_mistyped_name_in_the_file_is_refused_and_in_the_environment_found(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "evenkeel.toml"
    file.write_text("htp_port = 1\n")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    with pytest.raises(InvalidSettings, match="htp_port"):
        load_settings()
    assert unknown_variables({"EVENKEEL_HTP_PORT": "1", "EVENKEEL_HTTP_PORT": "1", "PATH": ""}) == [
        "EVENKEEL_HTP_PORT"
    ]


def test_a_missing_file_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, "nowhere.toml")
    with pytest.raises(InvalidSettings, match=r"nowhere\.toml"):
        load_settings()


@pytest.mark.parametrize("role", ["serve", "api", "worker"])
def test_a_live_venue_that_is_none_is_refused_before_anything_starts(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setenv("EVENKEEL_LIVE_VENUES", "kraken, krakn")
    ran = cli(role)
    assert ran.code != 0
    assert "EVENKEEL_LIVE_VENUES: no exchange is called 'krakn'; did you mean kraken?" in ran.err
    assert not data_dir.exists()


def test_production_refuses_insecure_cookies(data_dir: Path) -> None:
    with pytest.raises(InvalidSettings, match="EVENKEEL_INSECURE_COOKIES: refused in production"):
        load_settings(environment="production", insecure_cookies=True)
    assert not load_settings(environment="production").sends_cookies_over_http


def test_cookies_go_over_plain_http_on_the_loopback_of_a_development_machine_only(data_dir: Path) -> None:
    assert load_settings().sends_cookies_over_http
    assert not load_settings(http_host="192.0.2.1").sends_cookies_over_http
