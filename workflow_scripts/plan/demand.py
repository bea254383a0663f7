"""What a job that runs a model asks of a cluster: memory and time, from the size of the model, more at each attempt.

Estimates, rather too high than too low: a job that is ended all the same goes on from the languages it finished, and
its next attempt asks for more. On one's own machine nothing is limited by them.
"""

from workflow_scripts.config.models import ModelConfig

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a weight
MEGABYTES = 4000  # of Python with torch, a model's tokenizer and its sentences, beside the weights
COPIES = 1.5  # of the weights in the host's memory while they are loaded, whatever device they go to
MINUTES = 30  # of a job with a model of no size
MINUTES_PER_BILLION = 10  # parameters, of most stages; a GPU needs less, a CPU more
SLOWER_STAGES = {
    "train_model": 60,
    "count_active_tokens": 20,
    "score_transfer": 60,
    "fit_by_layer": 20,
    "generate_texts": 15,
    "measure_perplexity": 120,
}
MINUTES_TO_A_PRECISION = {"measure_perplexity": 30}  # where perplexity is measured to a standard error
SLOWER_ON_A_CPU = 10
DAY = 24 * 60  # minutes after which most clusters end any job


def memory(model: ModelConfig, attempt: int) -> int:
    """Return the host memory in MB of a job that loads a model, at its first, second, … attempt."""
    weights = 1000 * model.billions * BYTES[model.dtype]
    return attempt * round(MEGABYTES + COPIES * weights)


def minutes(model: ModelConfig, device: str, stage: str, attempt: int, to_a_precision: bool = False) -> int:
    """Return the minutes of a stage's job with a model, at most a day, at its first, second, … attempt.

    Args:
        model: The model.
        device: What it runs on.
        stage: Name of the rule.
        attempt: 1 for the first.
        to_a_precision: Whether perplexity is measured to a standard error, and not of the whole text.
    """
    slower = SLOWER_ON_A_CPU if device == "cpu" else 1
    stages = SLOWER_STAGES | (MINUTES_TO_A_PRECISION if to_a_precision else {})
    return min(DAY, attempt * round(MINUTES + stages.get(stage, MINUTES_PER_BILLION) * model.billions * slower))
