"""Publishing what is owed: with the log's key, and the secret that hides owners from each other."""

from __future__ import annotations

import logging

from application.liabilities.publish import PublishLiabilities
from application.ports.salts import SaltsUnusable
from application.sealing.proofs import newest_checkpoint
from entrypoints.checkpoints import salts_of, signer_of
from entrypoints.composition import Container
from entrypoints.settings import require_one_shard
from entrypoints.shards import LIABILITIES

_GONE = (
    "the secret of the salts (EVENKEEL_LIABILITY_SALTS_FILE; by default the database's .salts file) is gone: "
    "put the file back; with a new one (`evenkeel liabilities publish --new-salts`) no proof of what was "
    "published so far can be made again"
)

log = logging.getLogger("evenkeel.liabilities")


def publisher(container: Container, *, new_salts: bool) -> PublishLiabilities:
    """Makes the secret at the first publication; one that is gone later only where `new_salts` accepts that
    no earlier proof can be made again. Raises OneShardOnly, NotSealedYet, UnusableKey, SaltsUnusable."""
    settings, services = container.settings(), container.services()
    require_one_shard(settings, LIABILITIES)
    newest_checkpoint(services.seals)  # a log that was never signed gets its key from who seals it
    signer, salts = signer_of(settings, services.seals), salts_of(settings)
    if not (salts.exists or new_salts or services.liabilities.is_empty()):
        raise SaltsUnusable(problem=_GONE)
    if salts.create():
        log.info("a new secret hides owners in proofs of liabilities")
    return PublishLiabilities(
        log=services.log,
        seals=services.seals,
        bus=services.bus,
        signer=signer,
        publications=services.liabilities,
    )
