"""People register and sign in; what is wrong is refused without saying more than it must."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from adapters.persistence.identities import MemoryIdentities
from adapters.persistence.sessions import MemorySessions
from application.accounts.sign_in import ABSOLUTE, IDLE, Authenticate, Registration, SignIn, token_hash
from application.ports.commands import Outcome
from application.ports.identities import Identity
from domain.accounts.account import TRADER
from domain.errors import DomainError
from tests.application.harness import Store
from tests.builders import caller

PASSWORD = "correct horse battery staple"


@dataclass
class CountingHasher:
    """A PasswordHasher without the work: it counts how often it was asked to verify."""

    verified: list[str] = field(default_factory=list)
    cost: int = 1
    dummy_hash: str = "1$nobody"

    def hash(self, password: str) -> str:
        return f"{self.cost}${hashlib.sha256(password.encode()).hexdigest()}"

    def verify(self, password: str, password_hash: str) -> bool:
        self.verified.append(password_hash)
        return password_hash.partition("$")[2] == self.hash(password).partition("$")[2]

    def needs_rehash(self, password_hash: str) -> bool:
        return not password_hash.startswith(f"{self.cost}$")


@dataclass
class CountedTokens:
    number: int = 0

    def token(self) -> str:
        self.number += 1
        return f"token-{self.number}"

    def salt(self) -> str:
        return "salt"


class Door:
    def __init__(self) -> None:
        self.store = Store()
        self.identities, self.sessions = MemoryIdentities(), MemorySessions()
        self.hasher, self.tokens = CountingHasher(), CountedTokens()
        clock = self.store.clock
        self.registration = Registration(self.store.bus, self.identities, self.hasher, self.tokens, clock)
        self.sign_in = SignIn(self.identities, self.sessions, self.hasher, self.tokens, clock)
        self.authenticate = Authenticate(self.sessions, clock)

    def register(self, email: str = "Ann@Example.org", password: str = PASSWORD, key: str = "k") -> Outcome:
        return self.registration(email=email, password=password, roles=(TRADER,), caller=caller(key, email))

    def enter(self, email: str = "ann@example.org", password: str = PASSWORD) -> str:
        token, _ = self.sign_in(email=email, password=password, user_agent="a browser")
        return token

    def later(self, **by: float) -> None:
        self.store.clock.move_to(self.store.clock.now() + timedelta(**by))


def test_registering_commits_to_the_address_without_telling_it() -> None:
    door = Door()
    account_id = door.register().unwrap()["account_id"]

    identity = door.identities.by_email("ann@example.org")
    assert identity is not None
    assert identity.account_id == account_id
    (event,) = door.store.events()
    assert event.identity_commitment == hashlib.sha256(b"salt|ann@example.org").hexdigest()
    assert "ann" not in repr(event)


def test_a_registration_that_broke_off_before_its_event_is_completed_by_the_same_request() -> None:
    whole, broken = Door(), Door()
    whole.register()
    identity = whole.identities.by_email("ann@example.org")
    assert identity is not None
    broken.identities.add(identity)

    assert broken.register().unwrap() == whole.register().unwrap()
    assert broken.store.events() == whole.store.events()


def test_a_registration_that_broke_off_is_completed_by_a_new_request_with_its_password_and_no_other() -> None:
    whole, broken = Door(), Door()
    whole.register()
    identity = whole.identities.by_email("ann@example.org")
    assert identity is not None
    broken.identities.add(identity)

    with pytest.raises(DomainError) as refusal:
        broken.register(key="page reloaded", password="another sentence, as long")
    assert refusal.value.code == "email_taken"
    made = broken.register(key="page reloaded once more").unwrap()

    assert made["account_id"] == identity.account_id
    assert broken.store.events() == whole.store.events()


def test_the_same_registration_in_parallel_is_answered_as_the_faster_one() -> None:
    slow, fast = Door(), Door()
    made = fast.register().unwrap()
    winner = fast.identities.by_email("ann@example.org")
    assert winner is not None
    faster: Identity = winner

    class Overtaken(MemoryIdentities):
        def add(self, identity: Identity) -> bool:
            super().add(faster)
            return super().add(identity)

    slow.registration = replace(slow.registration, identities=Overtaken())

    assert slow.register().unwrap() == made
    assert slow.store.events() == fast.store.events()


def test_a_registration_repeated_with_other_words_is_refused() -> None:
    door = Door()
    door.register()
    with pytest.raises(DomainError) as refusal:
        door.register(password="another sentence, as long")
    assert refusal.value.code == "idempotency_key_reused"


def test_an_address_is_taken_once_in_any_spelling() -> None:
    door = Door()
    door.register()
    with pytest.raises(DomainError) as refusal:
        door.register(" ANN@example.ORG ", key="other")
    assert refusal.value.code == "email_taken"
    assert len(door.store.events()) == 1


@pytest.mark.parametrize(
    ("email", "password", "field_name"),
    [
        ("ann", PASSWORD, "email"),
        ("ann@", PASSWORD, "email"),
        ("a b@example.org", PASSWORD, "email"),
        ("ann@example.org\nbcc: x@y", PASSWORD, "email"),
        ("x" * 65 + "@example.org", PASSWORD, "email"),
        ("ann@example.org", "14 characters!", "password"),
        ("ann@example.org", "x" * 201, "password"),
        ("ann@example.org", "ababababababababab", "password"),
        ("ann@example.org", "my name is ann and so on", "password"),
        ("ann@example.org", "i like Evenkeel a lot", "password"),
    ],
)
def test_what_is_not_acceptable_is_named_by_field_and_never_repeated(
    email: str, password: str, field_name: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        Door().register(email, password)
    assert (refusal.value.code, refusal.value.data["field"]) == ("invalid_value", field_name)
    assert password not in str(refusal.value)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("a@example.org", "any password with an a in it"),
        ("ann@example.org", "пароль из многих слов"),
        ("ann@example.org", "x1y2" * 50),
        ("ann@example.org", "fifteen letters"),
    ],
)
def test_long_passwords_of_any_script_are_accepted(email: str, password: str) -> None:
    door = Door()
    door.register(email, password).unwrap()
    assert door.enter(email, password)


def test_an_unknown_address_and_a_wrong_password_cost_and_say_the_same() -> None:
    door = Door()
    door.register()
    said = set()
    for email, password in (("ann@example.org", "wrong password here"), ("bob@example.org", PASSWORD)):
        before = len(door.hasher.verified)
        with pytest.raises(DomainError) as refusal:
            door.enter(email, password)
        assert len(door.hasher.verified) == before + 1
        said.add((refusal.value.code, str(refusal.value), tuple(refusal.value.data)))
    assert len(said) == 1


def test_a_password_is_compared_to_its_last_character() -> None:
    door = Door()
    door.register(password=PASSWORD * 3)
    with pytest.raises(DomainError):
        door.enter(password=(PASSWORD * 3)[:72])
    with pytest.raises(DomainError):
        door.enter(password="x" * 5_000)
    assert door.enter(password=PASSWORD * 3)


def test_signing_in_renews_a_hash_that_is_too_cheap() -> None:
    door = Door()
    door.register()
    door.hasher.cost = 2
    door.enter()
    identity = door.identities.by_email("ann@example.org")
    assert identity is not None
    assert identity.password_hash.startswith("2$")
    assert door.enter()


def test_only_the_hash_of_a_token_is_kept_and_every_session_has_its_own() -> None:
    door = Door()
    door.register()
    first, second = door.enter(), door.enter()
    assert first != second
    kept = door.sessions.find(token_hash(first))
    assert kept is not None
    assert first not in repr(kept)
    assert door.authenticate("made up") is None


def test_a_session_ends_when_it_is_idle_for_too_long_and_stays_ended() -> None:
    door = Door()
    door.register()
    token = door.enter()
    door.later(seconds=IDLE.total_seconds() - 1)
    assert door.authenticate(token) is not None
    door.later(seconds=IDLE.total_seconds() - 1)
    assert door.authenticate(token) is not None
    door.later(seconds=IDLE.total_seconds())
    assert door.authenticate(token) is None
    door.store.clock.move_to(door.store.clock.now() - IDLE)
    assert door.authenticate(token) is None


def test_a_session_ends_after_its_longest_life_however_busy_it_is() -> None:
    door = Door()
    door.register()
    token = door.enter()
    for _ in range(int(ABSOLUTE.total_seconds() // 600) - 1):
        door.later(minutes=10)
        assert door.authenticate(token) is not None
    door.later(minutes=10)
    assert door.authenticate(token) is None
