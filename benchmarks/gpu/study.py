"""Hours of a card for the paper's whole study.

The operations are those that `benchmarks.study.paper_study` counts; they stand here because counting them needs the
workflow's whole environment, which a machine with a card may lack.
"""

from collections.abc import Mapping

FLOP = {
    "bloom-7b1": {"activations": 4.21e15, "embeddings": 5.95e17, "generation": 4.05e16, "perplexity": 9.39e17},
    "aya-23-8b": {"activations": 4.86e15, "embeddings": 6.88e17, "generation": 4.61e16, "perplexity": 4.66e18},
    "polylm-chat-13b": {"activations": 8.76e15, "embeddings": 1.24e18, "generation": 7.97e16, "perplexity": 1.91e18},
}
# Hours of an A100 that the paper took (appendix I).
PUBLISHED_HOURS = {"bloom-7b1": 110, "aya-23-8b": 90, "polylm-chat-13b": 120}


def study_hours(flop_per_second: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Hours by model and stage of the paper's study, on a card that does so many operations a second in each stage."""
    return {
        model: {stage: flop / flop_per_second[stage] / 3600 for stage, flop in stages.items()}
        for model, stages in FLOP.items()
    }
