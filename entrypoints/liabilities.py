"""Publishing what is owed: with the log's key, and the secret that hides owners from each other."""

from __future__ import annotations

import logging

from application.liabilities.publish import PublishLiabilities
from application.sealing.proofs import newest_checkpoint
from entrypoints.checkpoints import salts_of, signer_of
from entrypoints.composition import Container
from entrypoints.settings import require_one_shard
from entrypoints.shards import LIABILITIES

log = logging.getLogger("evenkeel.liabilities")


def publisher(container: Container) -> PublishLiabilities:
    """Raises OneShardOnly, NotSealedYet, UnusableKey, SaltsUnusable; makes the secret where there is none."""
    settings, services = container.settings(), container.services()
    require_one_shard(settings, LIABILITIES)
    newest_checkpoint(services.seals)  # a log that was never signed gets its key from who seals it
    signer, salts = signer_of(settings, services.seals), salts_of(settings)
    if salts.create():
        log.info("a new secret hides owners in proofs of liabilities")
    return PublishLiabilities(
        log=services.log,
        seals=services.seals,
        bus=services.bus,
        signer=signer,
        publications=services.liabilities,
    )
