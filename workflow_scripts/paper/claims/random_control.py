"""Section 7, Appendix G: the intervention on random neurons brings no improvement."""

from workflow_scripts.paper.claims.alignment import mean_by_target
from workflow_scripts.paper.claims.claim import Claim, by_target, counted, most, points, pre_to_post
from workflow_scripts.paper.claims.evidence import Evidence, Undefined
from workflow_scripts.paper.claims.paraphrase import changes, said, unchanged
from workflow_scripts.paper.claims.retrieval import mean_gain

NO_CHANGE = 0.01
FAR_BELOW = 0.5


def distances_fall_less(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean distance over all pairs falls by less than half of its fall under experts, for every
    target.
    """
    random, expert = (mean_by_target(evidence.have(name)) for name in ("random_distances", "distances"))
    falls, expert_falls = random["pre"] - random["post"], expert["pre"] - expert["post"]
    less = falls < FAR_BELOW * expert_falls
    return less.all(), f"{pre_to_post(random)}; with experts {pre_to_post(expert)}"


def retrieval_drops(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether accuracy falls for every candidate and target, the mean over seeds."""
    rows = evidence.queried_by_target(random=True)
    falls = rows["gain"] < 0
    gains = by_target(mean_gain(rows), points)
    return falls.all(), f"falls in {counted(falls, 'candidates and targets')}; mean gain in points: {gains}"


def retrieval_drops_for_most(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether accuracy falls for more than half of candidates and targets."""
    falls = evidence.queried_by_target(random=True)["gain"] < 0
    return most(falls), f"falls in {counted(falls, 'candidates and targets')} ({falls.mean():.0%})"


def nothing_improves(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean gain over candidates is at most a point for most targets."""
    gains = mean_gain(evidence.queried_by_target(random=True))
    return most(gains <= NO_CHANGE), f"mean gain in points: {by_target(gains, points)}"


def bloom_is_unchanged(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether for every target but French, accuracy changes by at most a point for most candidates."""
    rows = evidence.queried_by_target(random=True)
    rows = rows[rows["target"] != "fr"]
    if not len(rows):
        raise Undefined("French is the only target")
    shares = (rows["gain"].abs() <= NO_CHANGE).groupby(rows["target"], sort=False).mean()
    return (shares > 0.5).all(), f"candidates without change: {by_target(shares, '{:.0%}'.format)}"


def bloom_improves_for_french(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether with the values of French experts the mean gain over candidates is positive."""
    gains = mean_gain(evidence.queried_by_target(random=True))
    if "fr" not in gains:
        raise Undefined("French is no target")
    return gains["fr"] > 0, f"mean gain in points: {points(gains['fr'])}"


def gain_is_far_below(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether the mean gain is less than half of the experts' for every target for which experts gain."""
    expert, random = (mean_gain(evidence.queried_by_target(random)) for random in (False, True))
    if not (expert > 0).any():
        raise Undefined("experts bring no gain for any target")
    below = (random < FAR_BELOW * expert)[expert > 0]
    said = f"experts {by_target(expert, points)}; random {by_target(random, points)}"
    return below.all(), f"far below for {counted(below, 'targets with a gain')}; mean gain in points: {said}"


def paraphrases_change_little(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether paraphrase accuracy stays within the tolerance for most targets, the mean over seeds."""
    return unchanged(evidence.have("random_paraphrase"))


def paraphrases_change_down(evidence: Evidence) -> tuple[bool, str]:
    """Decide whether most of the paraphrase accuracies that change fall."""
    scores = evidence.have("random_paraphrase")
    change = changes(scores)
    return most(change < 0), f"{counted(change < 0, 'changes')} negative: {said(scores)}"


CLAIMS = [
    Claim(
        "random_distances_fall_less",
        "7",
        "Intervening on random neurons does not give the space the same properties (the mean distance between "
        "languages falls by less than half as much as with experts, every target).",
        "not the same properties",
        distances_fall_less,
    ),
    Claim(
        "random_retrieval_drops",
        "7",
        "With random neurons retrieval drops for all languages (every candidate and target, the target as query, mean "
        "over seeds; not said of Bloom-7B).",
        "drops for all languages in Aya-8B and PolyLM-13B",
        retrieval_drops,
        but="bloom-7b",
    ),
    Claim(
        "random_retrieval_drops_for_most",
        "7",
        "With random neurons retrieval drops for most candidates and targets (a weaker reading of the claim above).",
        "drops for all languages in Aya-8B and PolyLM-13B",
        retrieval_drops_for_most,
        but="bloom-7b",
    ),
    Claim(
        "random_bloom_is_unchanged",
        "7",
        "With random neurons there is mostly no change in Bloom-7B for all targets except French (at most "
        f"{points(NO_CHANGE)} points for more than half of the candidates, mean over seeds).",
        "mostly no change",
        bloom_is_unchanged,
        only="bloom-7b",
    ),
    Claim(
        "random_bloom_improves_for_french",
        "7",
        "With random neurons retrieval improves in Bloom-7B for French (mean over candidates and seeds).",
        "improves",
        bloom_improves_for_french,
        only="bloom-7b",
    ),
    Claim(
        "random_improves_nothing",
        "7",
        "Random neurons do not provide an improvement in retrieval (mean gain over candidates and seeds at most "
        f"{points(NO_CHANGE)} points for most targets).",
        "no improvement, but for French in Bloom-7B",
        nothing_improves,
    ),
    Claim(
        "random_gain_is_far_below",
        "7",
        "The gain with random neurons is far below the experts' (less than half of it, for every target for which "
        "experts gain; mean over candidates and seeds).",
        "significantly smaller",
        gain_is_far_below,
    ),
    Claim(
        "random_paraphrases_change_little",
        "7",
        "With random neurons paraphrase accuracy changes little (the same tolerance as with experts, most targets, "
        "mean over seeds).",
        "said to be small; 0.00 to 0.09 in Bloom-7B and PolyLM-13B, 0.06 to 0.26 in Aya-8B (Table 6)",
        paraphrases_change_little,
    ),
    Claim(
        "random_paraphrases_change_down",
        "7",
        "Where paraphrase accuracy changes with random neurons, it tends to fall (more than half of the targets in "
        "which it changes, to two decimals, mean over seeds).",
        "tend to be negative",
        paraphrases_change_down,
    ),
]
