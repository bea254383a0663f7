"""Models trained on mixtures of languages: what is measured of each, as tables and figures show it."""

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from workflow_scripts.config.fields import LanguageCode, Seed
from workflow_scripts.tables.shown_models import Model


@dataclass(frozen=True)
class Outcome:
    """What is measured of a model under the intervention on the experts of a target."""

    label: str
    single: bool = False  # whether it is a property of the experts and no change by the intervention
    decimals: int = 3


# Those of the space are beside the same of random neurons; of a space that is centred there are none.
SPACE = {
    "distance": Outcome("Distance"),
    "distance_centred": Outcome("Distance, centred"),
    "retrieval_target": Outcome("Retrieval, query = target"),
    "retrieval_target_centred": Outcome("Retrieval, query = target, languages centred"),
    "retrieval_others": Outcome("Retrieval, other queries"),
    "retrieval_others_centred": Outcome("Retrieval, other queries, languages centred"),
}
TEXT = {
    "language_id": Outcome("Language ID of generated text"),
    "log_perplexity": Outcome("Log perplexity", decimals=2),
}
EXPERTS = {
    "expertise": Outcome("Expertise of the experts", single=True),
    "depth": Outcome("Block of the experts", single=True, decimals=2),
}
OUTCOMES = {**SPACE, **TEXT, **EXPERTS}


class TrainedOnMixture(Model):
    """A model with the mixture of languages that it was trained on."""

    seed: Seed = Field(description="Seed of the initial weights and of the order of the sentences.")
    shares: dict[LanguageCode, float] = Field(description="Share of the training tokens by language.")

    def relative_share(self, language: str) -> float:
        """Return the share of a language, in shares that all languages of the mixture would have if they were even."""
        return self.shares.get(language, 0.0) * len(self.shares)

    @property
    def unevenness(self) -> float:
        """Return by how many nats the entropy of the shares is below that of even shares: 0 where they are even."""
        shares = np.array([share for share in self.shares.values() if share > 0])
        return float(np.log(len(self.shares)) + (shares * np.log(shares)).sum())
