"""The log is sealed while it is served, and held against what left it at the next start."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from adapters.secrets.signing_key import verify
from application.sealing.proofs import INCLUSION
from domain.sealing.merkle import leaf_hash, root_of, verify_inclusion
from domain.sealing.notes import Checkpoint, SignedNote, VerifierKey
from tests.entrypoints.conftest import Cli, Running
from tests.entrypoints.test_serve import SERVE, banner
from tests.loopback import free_port, taking

Start = Callable[..., Running]


def newest(folder: Path) -> Checkpoint:
    """The last checkpoint in the file outside, checked with the public key."""
    note = SignedNote.parse((folder / "evenkeel.db.checkpoints").read_text().split("\f\n")[-2].encode())
    note.require_signature(VerifierKey.parse((folder / "evenkeel.db.pub").read_text()), verify)
    return Checkpoint.parse(note.text)


def stored(folder: Path) -> list[bytes]:
    with sqlite3.connect(folder / "evenkeel.db") as connection:
        rows = connection.execute("SELECT state FROM stored_events ORDER BY notification_id").fetchall()
    return [state for (state,) in rows]


def test_what_was_served_is_sealed_to_its_end_at_the_stop(start: Start, tmp_path: Path) -> None:
    running = start(*SERVE, "--demo")
    shown = banner(running)
    ready = httpx.get(f"{shown['address']}/readyz", trust_env=False).json()
    metrics = httpx.get(shown["metrics"], trust_env=False).text
    assert running.stop() == 0

    events = stored(tmp_path / "var")
    checkpoint = newest(tmp_path / "var")
    assert checkpoint.size == len(events) > 0
    assert checkpoint.root == root_of(map(leaf_hash, events))
    assert {"name": "sealing", "status": "ok"} in ready["checks"]
    assert "evenkeel_sealed_events" in metrics


def test_a_log_that_lost_its_end_is_served_for_reading_only(start: Start, tmp_path: Path) -> None:
    """Safety §4 rows 18 and 19: an older copy of the database, under the newer checkpoints outside."""
    var = tmp_path / "var"
    running = start(*SERVE, "--demo")
    banner(running)
    assert running.stop() == 0
    shutil.copy(var / "evenkeel.db", tmp_path / "yesterday.db")
    running = start(*SERVE)
    address = banner(running)["address"]
    account = {"email": "ann@example.org", "password": "a sentence that is long enough"}
    key = {"Idempotency-Key": str(uuid4())}
    made = httpx.post(f"{address}/v1/accounts", json=account, headers=key, trust_env=False)
    assert made.status_code == 201
    assert running.stop() == 0
    before = newest(var)
    shutil.copy(tmp_path / "yesterday.db", var / "evenkeel.db")

    running = start(*SERVE)
    address = banner(running)["address"]

    said = running.logged("open for reading only")
    assert f"covers {before.size} events" in said
    ready = httpx.get(f"{address}/readyz", trust_env=False)
    assert (ready.status_code, {"name": "log", "status": "failed"} in ready.json()["checks"]) == (503, True)
    again = {"Idempotency-Key": str(uuid4())}
    refused = httpx.post(
        f"{address}/v1/accounts", json=account | {"email": "bob@example.org"}, headers=again, trust_env=False
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "read_only")
    assert running.stop() == 0
    assert newest(var) == before, "nothing was signed over it"


def test_a_log_that_is_only_shown_carries_no_transfer_and_tells_nobody(
    start: Start, cli: Cli, tmp_path: Path
) -> None:
    var = tmp_path / "data"
    for name in ("ann", "bob"):
        cli("users", "create", f"{name}@example.org")
        cli("paper", "open", "--balance", "100 USDT", "--user", f"{name}@example.org")
    assert cli("log", "seal").code == 0
    to_bob = ("ledger", "transfer", "10 USDT", "--user", "ann@example.org", "--to-user", "bob@example.org")
    killed = start(*to_bob, EVENKEEL_DATA_DIR=str(var), EVENKEEL_FAILPOINT="transfer_sent")
    killed.wait()
    for half in ("key", "pub"):
        (var / f"evenkeel.db.{half}").unlink()

    running = start(*SERVE, EVENKEEL_DATA_DIR=str(var))
    banner(running)
    with sqlite3.connect(f"file:{var}/evenkeel.db?mode=ro", uri=True) as connection:
        waiting = connection.execute("SELECT message_id FROM outbox WHERE delivered_at IS NULL").fetchall()
    assert running.stop() == 0

    assert sorted(id.partition(":")[0] for (id,) in waiting) == ["transfer", "welcome", "welcome"]


def test_a_log_whose_key_is_gone_is_served_and_says_that_it_is_not_sealed(
    start: Start, tmp_path: Path
) -> None:
    """Safety §4 row 26: no other key takes its place."""
    running = start(*SERVE, "--demo")
    banner(running)
    assert running.stop() == 0
    (tmp_path / "var" / "evenkeel.db.key").unlink()
    before = newest(tmp_path / "var")

    running = start(*SERVE)
    address = banner(running)["address"]
    ready = httpx.get(f"{address}/readyz", trust_env=False).json()
    assert running.stop() == 0

    assert {"name": "sealing", "status": "degraded"} in ready["checks"]
    assert not (tmp_path / "var" / "evenkeel.db.key").exists()
    assert newest(tmp_path / "var") == before


@pytest.fixture
def sealed(cli: Cli, data_dir: Path) -> Cli:
    cli("users", "create", "ann@example.org")
    cli("paper", "open", "--balance", "100 USDT")
    assert cli("log", "seal").code == 0
    return cli


def test_a_proof_is_one_file_that_leads_to_a_signed_checkpoint(sealed: Cli, data_dir: Path) -> None:
    position = sealed("log", "tail", "--json").json[-1]["position"]

    text = sealed("log", "prove", position).out
    as_json = sealed("log", "prove", position, "--json").json

    assert text.startswith(INCLUSION + "\n")
    note = SignedNote.parse(text.partition("\n\n")[2].encode())
    note.require_signature(VerifierKey.parse((data_dir / "evenkeel.db.pub").read_text()), verify)
    checkpoint = Checkpoint.parse(note.text)
    leaf = leaf_hash(stored(data_dir)[as_json["index"]])
    hashes = [bytes.fromhex(one) for one in as_json["hashes"]]
    verify_inclusion(leaf, as_json["index"], checkpoint.size, hashes, checkpoint.root)
    assert sealed("log", "checkpoint").out == str(note)


def test_an_export_holds_the_exact_bytes_and_goes_on_where_it_was(
    sealed: Cli, data_dir: Path, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    first = sealed("log", "export", "--output", str(books), "--json").json
    assert (books / "events.ndjson").read_bytes().split(b"\n")[:-1] == stored(data_dir)
    with (books / "events.ndjson").open("ab") as file:
        file.write(b'{"half":')  # killed in the middle of a line
    sealed("users", "create", "bob@example.org")
    sealed("log", "seal")

    second = sealed("log", "export", "--output", str(books), "--json").json

    events = stored(data_dir)
    assert (books / "events.ndjson").read_bytes().split(b"\n")[:-1] == events
    assert (first["events"], second["events"]) == (len(events) - 1, len(events))
    assert json.loads((books / "manifest.json").read_text())["events"] == len(events)
    lines = [json.loads(line) for line in (books / "positions.ndjson").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(len(events)))
    notes = [json.loads(line) for line in (books / "checkpoints.ndjson").read_text().splitlines()]
    assert [Checkpoint.parse(SignedNote.parse(note.encode()).text).size for note in notes] == [
        len(events) - 1,
        len(events),
    ]


def test_an_export_is_not_mixed_with_something_else(sealed: Cli, tmp_path: Path) -> None:
    books, other = tmp_path / "books", tmp_path / "other"
    sealed("log", "export", "--output", str(books))
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    changed = (books / "events.ndjson").read_text().replace("ann", "eve")
    (books / "events.ndjson").write_text(changed.replace('"100"', '"999"'))

    for folder in (books, other):
        ran = sealed("log", "export", "--output", str(folder), "--json")
        assert (ran.code, ran.json["error"]["code"]) == (1, "other_export")


def test_a_loss_is_accepted_recorded_and_signed(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    """Safety §4 row 19: whoever reads the log, or the checkpoints outside, sees that and why it goes on."""
    cli("users", "create", "ann@example.org")
    cli("log", "seal")
    shutil.copy(data_dir / "evenkeel.db", tmp_path / "yesterday.db")
    cli("users", "create", "bob@example.org")
    cli("log", "seal")
    lost = (data_dir / "evenkeel.db.checkpoints").read_text().split("\f\n")[-2]
    shutil.copy(tmp_path / "yesterday.db", data_dir / "evenkeel.db")
    refused = cli("users", "create", "eve@example.org", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "read_only")
    assert cli("log", "seal", "--json").json["error"]["code"] == "read_only"

    reason = "disk lost, yesterday's backup restored"
    done = cli("log", "recover", "--accept-loss", "--reason", reason, "--json")

    assert done.code == 0, done.err
    event = json.loads(stored(data_dir)[-1])
    assert (event["name"], event["data"]["reason"]) == ("platform.loss_accepted", reason)
    assert event["data"]["checkpoint"] == lost
    assert newest(data_dir).size == len(stored(data_dir)) == done.json["size"]
    assert cli("users", "create", "dan@example.org").code == 0
    assert cli("log", "verify").code == 0
    assert cli("log", "export", "--output", str(tmp_path / "books")).code == 0
    told = audit(tmp_path / "books", data_dir / "evenkeel.db.pub")
    assert (told.returncode, reason in told.stdout, "LOSS ACCEPTED" in told.stdout) == (0, True, True)
    again = cli("log", "recover", "--accept-loss", "--reason", reason, "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "nothing_to_recover")


def test_a_database_that_contradicts_its_own_checkpoints_is_not_recovered(
    cli: Cli, data_dir: Path, tmp_path: Path
) -> None:
    """It is no older copy: its end was cut, or an event changed. Nothing is recorded, and nothing signed."""
    for person in ("ann", "bob"):
        cli("users", "create", f"{person}@example.org")
        cli("log", "seal")
    shutil.copy(data_dir / "evenkeel.db", tmp_path / "whole.db")
    cut = "DELETE FROM stored_events WHERE notification_id > 1; DELETE FROM seal_tiles; DELETE FROM seal_ids"
    other = "CAST(replace(CAST(state AS TEXT), 'trader', 'hacker') AS BLOB)"
    for change in (
        f"{cut}; UPDATE seal_state SET size = 0, last_id = 0",
        f"UPDATE stored_events SET state = {other} WHERE notification_id = 1",
    ):
        shutil.copy(tmp_path / "whole.db", data_dir / "evenkeel.db")
        with sqlite3.connect(data_dir / "evenkeel.db") as connection:
            for trigger in ("stored_events_no_update", "stored_events_no_delete"):
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.executescript(change)
        before = len(stored(data_dir)), newest(data_dir)

        refused = cli("log", "recover", "--accept-loss", "--reason", "it looks shorter", "--json")

        assert (refused.code, refused.json["error"]["code"]) == (1, "log_contradicts_checkpoint")
        assert (len(stored(data_dir)), newest(data_dir)) == before


def test_a_file_of_checkpoints_that_cannot_be_read_is_told(
    cli: Cli, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may contradict the log is not passed over in a recovery."""
    cli("users", "create", "ann@example.org")
    cli("log", "seal")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVENKEEL_CHECKPOINT_FILES", f"{tmp_path}/file/checkpoints")

    ran = cli("log", "recover", "--accept-loss", "--reason", "none", "--json")

    assert (ran.code, ran.json["error"]["code"]) == (3, "checkpoint_sink_unavailable")
    assert f"{tmp_path}/file/checkpoints" in ran.json["error"]["message"]


def test_checkpoints_are_pushed_to_an_address(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("users", "create", "ann@example.org")
    with taking() as taker:
        monkeypatch.setenv("EVENKEEL_CHECKPOINT_URLS", taker.url)
        assert cli("log", "seal").code == 0
        assert taker.next().body == cli("log", "checkpoint").out
    cli("users", "create", "bob@example.org")

    gone = cli("log", "seal", "--json")

    assert (gone.code, gone.json["error"]["code"]) == (3, "checkpoint_sink_unavailable")
    assert newest(data_dir).size == len(stored(data_dir)), "the file has it all the same"


def test_a_server_that_takes_no_checkpoints_is_shown_and_holds_nothing_up(
    start: Start, tmp_path: Path
) -> None:
    """Safety §6.3: commands are taken and the log is sealed; the address gets the newest when it is back."""
    port = free_port()
    running = start(*SERVE, EVENKEEL_CHECKPOINT_URLS=f"http://u:hunter2@127.0.0.1:{port}/checkpoints")
    shown = banner(running)
    account = {"email": "ann@example.org", "password": "a sentence that is long enough"}
    key = {"Idempotency-Key": str(uuid4())}
    made = httpx.post(f"{shown['address']}/v1/accounts", json=account, headers=key, trust_env=False)
    assert made.status_code == 201

    running.logged(f"a checkpoint could not be published to http://127.0.0.1:{port}/checkpoints")
    ready = httpx.get(f"{shown['address']}/readyz", trust_env=False)
    metrics = httpx.get(shown["metrics"], trust_env=False).text
    with taking(port=port) as taker:
        note = SignedNote.parse(taker.next().body.encode())
    assert running.stop() == 0

    assert {"name": "sealing", "status": "degraded"} in ready.json()["checks"]
    assert "evenkeel_checkpoint_sinks_behind 1.0" in metrics
    assert f'sink="http://127.0.0.1:{port}/checkpoints"' in metrics
    assert "hunter2" not in metrics + "".join(running.log)
    note.require_signature(VerifierKey.parse((tmp_path / "var" / "evenkeel.db.pub").read_text()), verify)


def test_an_export_is_its_owners_alone(sealed: Cli, tmp_path: Path) -> None:
    """Everybody's trades are in it."""
    books = tmp_path / "books"
    for _ in range(2):
        assert sealed("log", "export", "--output", str(books)).code == 0
        assert books.stat().st_mode & 0o777 == 0o700
        for name in ("events.ndjson", "positions.ndjson"):
            assert (books / name).stat().st_mode & 0o777 == 0o600
    sealed("ledger", "export", "--format", "csv", "--output", str(tmp_path / "books.csv"))
    assert (tmp_path / "books.csv").stat().st_mode & 0o777 == 0o600


def test_the_sealer_is_a_process_of_its_own(start: Start, cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    cli("users", "create", "ann@example.org")
    running = start("sealer", "--metrics-port", "0", "--log-level", "info", EVENKEEL_DATA_DIR=str(data_dir))
    running.logged("a new key signs this log")
    assert running.stop() == 0

    assert newest(data_dir).size == len(stored(data_dir))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_demo_s_log_is_checked_offline_by_the_exported_verifier(
    cli: Cli, tmp_path: Path, candle_file: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    """What done means: on a copy in an empty directory, with one key; and not when a byte was changed."""
    file = f"sqlite:///{tmp_path / 'demo.db'}"
    url = file if engine == "sqlite" else request.getfixturevalue("postgres_url")
    where = ("--database-url", url)
    assert cli("demo", "--candles", str(candle_file), *where).code == 0
    assert cli("log", "seal", *where).code == 0
    assert cli("log", "export", "--output", str(tmp_path / "books"), *where).code == 0
    copied, key = tmp_path / "elsewhere", tmp_path / "got-once.pub"
    shutil.copytree(tmp_path / "books", copied)
    shutil.copy(copied / "log.pub", key)

    whole = audit(copied, key)
    events = (copied / "events.ndjson").read_bytes()
    (copied / "events.ndjson").write_bytes(events.replace(b'"custody:', b'"custodx:', 1))
    changed = audit(copied, key)

    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "meaning  ok" in whole.stdout
    assert changed.returncode == 1
    assert "index" in changed.stdout + changed.stderr


def audit(folder: Path, *keys: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(folder / "verify.py"), str(folder)]
    command += [word for key in keys for word in ("--key", str(key))]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_databases_in_one_folder_are_logs_of_their_own(cli: Cli, data_dir: Path, postgres_url: str) -> None:
    for number, url in enumerate(
        (f"sqlite:///{data_dir / 'a.db'}", f"sqlite:///{data_dir / 'b.db'}", postgres_url)
    ):
        for person in range(number + 1):
            cli("users", "create", f"p{person}@example.org", "--database-url", url)
        assert cli("log", "seal", "--database-url", url).code == 0
    for url in (f"sqlite:///{data_dir / 'a.db'}", postgres_url):
        assert cli("users", "create", "again@example.org", "--database-url", url).code == 0
    assert len(list(data_dir.glob("*.checkpoints"))) == len(list(data_dir.glob("*.key"))) == 3


def test_a_new_key_takes_over_and_both_say_so(sealed: Cli, data_dir: Path, tmp_path: Path) -> None:
    """Safety §4 row 26."""
    old = VerifierKey.parse((data_dir / "evenkeel.db.pub").read_text())
    before = newest(data_dir)

    key = VerifierKey.parse(sealed("log", "rotate-key", "--json").json["key"])

    assert key == VerifierKey.parse((data_dir / "evenkeel.db.pub").read_text()) != old
    bridge = SignedNote.parse((data_dir / "evenkeel.db.checkpoints").read_text().split("\f\n")[-2].encode())
    rotation = SignedNote.parse(json.loads(stored(data_dir)[-1])["data"]["note"].encode())
    for note in (bridge, rotation):
        note.require_signature(old, verify)
        note.require_signature(key, verify)
    assert rotation.text.splitlines()[1:] == [str(old), str(key)]
    assert newest(data_dir).size == before.size + 1

    assert sealed("users", "create", "bob@example.org").code == 0, "the next start believes the new key"
    assert sealed("log", "seal").code == 0
    (retired,) = data_dir.glob(f"*.{old.id.hex()}.key")
    assert retired.stat().st_mode & 0o777 == 0o600
    assert sealed("log", "export", "--output", str(tmp_path / "books")).code == 0
    keys = [retired.with_suffix(".pub"), data_dir / "evenkeel.db.pub"]
    assert audit(tmp_path / "books", *keys).returncode == 0
    followed = audit(tmp_path / "books", keys[0])
    assert (followed.returncode, "took over from" in followed.stdout) == (0, True), (
        "one key got once is enough"
    )
    assert audit(tmp_path / "books", keys[1]).returncode == 1, "the old checkpoints are the old key's"


def test_a_log_that_was_rewritten_whole_is_not_intact(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    """Every chain of another history holds; what was signed for this one does not (safety §6.4)."""
    for name in ("signed", "other"):
        url = f"sqlite:///{data_dir / name}.db"
        cli("users", "create", f"{name}@example.org", "--database-url", url)
        assert cli("log", "verify", "--database-url", url).code == 0
    cli("log", "seal", "--database-url", f"sqlite:///{data_dir / 'signed.db'}")
    with sqlite3.connect(data_dir / "other.db") as connection:
        connection.execute("ATTACH ? AS signed", (str(data_dir / "signed.db"),))
        for table in ("seal_tiles", "seal_ids", "checkpoints"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM signed.{table}")
        connection.execute(
            "UPDATE seal_state SET (size, last_id) = (SELECT size, last_id FROM signed.seal_state)"
        )

    ran = cli("log", "verify", "--database-url", f"sqlite:///{data_dir / 'other.db'}", "--json")

    assert (ran.code, ran.json["intact"]) == (1, False)
    assert "not those that were signed for" in ran.json["problem"]


def test_other_processes_check_with_the_public_half(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Safety §4 row 26: only the sealer has the key; without either half a signed log is not written."""
    cli("users", "create", "ann@example.org")
    public = cli("log", "create-key", "--json").json["key"]
    assert cli("log", "seal").code == 0
    for half in (".key", ".pub"):
        (data_dir / f"evenkeel.db{half}").unlink()

    refused = cli("users", "create", "bob@example.org", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "read_only")
    monkeypatch.setenv("EVENKEEL_LOG_PUBLIC_KEY", public)
    assert cli("users", "create", "bob@example.org").code == 0
    monkeypatch.setenv("EVENKEEL_LOG_PUBLIC_KEY", "garbled")
    garbled = cli("users", "create", "eve@example.org", "--json")
    assert (garbled.code, garbled.json["error"]["code"]) == (3, "read_only")


def test_a_sealer_without_a_key_ends(start: Start, cli: Cli, data_dir: Path) -> None:
    cli("users", "create", "ann@example.org")
    running = start(
        "sealer", EVENKEEL_DATA_DIR=str(data_dir), EVENKEEL_SIGNING_KEY_FILE=str(data_dir / "no.key")
    )
    assert running.wait() == 1
    assert "no.key" in "".join(running.log)
