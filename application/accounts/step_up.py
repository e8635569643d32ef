"""The password, entered again: bound to a session and to one act."""

from __future__ import annotations

from dataclasses import dataclass

from application.accounts.sign_in import LONGEST_PASSWORD, BadCredentials
from application.ports.clock import Clock
from application.ports.commands import derived_id
from application.ports.identities import Identities, PasswordHasher
from application.ports.step_up import StepUpProof, StepUps
from application.ports.tokens import Tokens


@dataclass(frozen=True, slots=True)
class PasswordStepUp:
    """A StepUp. It holds no password, and keeps when and where one was right."""

    identities: Identities
    hasher: PasswordHasher
    rows: StepUps
    tokens: Tokens
    clock: Clock

    def prove(
        self, *, account_id: str, session_sha256: str, password: str, act_sha256: str, address: str
    ) -> StepUpProof:
        identity = self.identities.by_account(account_id)
        known_hash = identity.password_hash if identity else self.hasher.dummy_hash
        matches = len(password) <= LONGEST_PASSWORD and self.hasher.verify(password, known_hash)
        if identity is None or not matches:
            raise BadCredentials
        proof = StepUpProof(
            step_up_id=derived_id("stepup", self.tokens.token()),
            session_sha256=session_sha256,
            account_id=account_id,
            act_sha256=act_sha256,
            address=address,
            proved_at_utc=self.clock.now(),
        )
        self.rows.add(proof)
        return proof

    def proof(self, *, session_sha256: str, act_sha256: str) -> StepUpProof | None:
        return self.rows.newest(session_sha256, act_sha256)
