"""The data sets of a study in their roles, and the languages that are read and embedded of each."""

from collections.abc import Iterable

from workflow_scripts.config.sections import ROLES, Corpus
from workflow_scripts.config.study import Config
from workflow_scripts.plan.names import BASE, ConditionName

# What probes tell, by the role of the data set that it is told of.
PROBES = {"topics": ["topics"], "treebank": ["tags", "attachment"]}
WHOLE = ("alignment", "topics")  # roles of which every language is embedded under every condition


class Corpora:
    """The data sets that a study uses, in its roles or to train a model."""

    def __init__(self, config: Config):
        self._config = config

    @property
    def names(self) -> list[str]:
        """Return the names of all data sets that the study uses."""
        roles = [corpus.dataset for corpus in self._in(ROLES)]
        trained = [self._config.models[name].train for name in self._config.study.models]
        used = [name for train in trained if train for name in (train.dataset, train.held_out)]
        return list(dict.fromkeys([*roles, *used]))

    def from_source(self, *sources: str) -> list[str]:
        """Return the data sets of the study that come from some of the sources `cldr`, `local`, `hub` and `url`."""
        return [name for name in self.names if self._config.datasets[name].source in sources]

    def languages_of(self, dataset: str) -> list[str]:
        """Return the languages that are read of a data set, over all of its uses."""
        uses = [corpus.languages for corpus in self._in(ROLES) if corpus.dataset == dataset]
        for name in self._config.study.models:
            train = self._config.models[name].train
            if train is not None and dataset in (train.dataset, train.held_out):
                uses.append(train.languages)
        return list(dict.fromkeys(code for codes in uses for code in codes))

    def local_files(self, dataset: str) -> list[str]:
        """Return the local files that a data set is read from, whether or not they are there."""
        settings, table = self._config.datasets[dataset], self._config.language_table
        codes = self.languages_of(dataset)
        if settings.source == "hub" and settings.is_directory:
            return [file for code in codes for file in settings.directory_files(code, table[code])]
        if settings.source != "local" or self._config.data_root is None:
            return []
        files = [file for code in codes for file in settings.local_files(code, table[code])]
        return [f"{self._config.data_root}/{file}" for file in dict.fromkeys(files)]

    @property
    def pivot(self) -> str:
        """Return the language that MEXA takes for the pivot: English, else the first of the parallel corpus."""
        languages = self._config.study.alignment.languages
        return "en" if "en" in languages else languages[0]

    @property
    def translated(self) -> dict[str, list[str]]:
        """Return the data sets of Table 7, with the targets among their languages."""
        return {corpus.dataset: corpus.languages for corpus in self._in(("translation", "mining"))}

    def paraphrase_targets(self, shown: bool | None = None) -> list[str]:
        """Return the targets that have paraphrases: of Table 3 (the shown one), of Table 5 (the others), or all."""
        corpus = self._config.study.paraphrase
        codes = [] if corpus is None else corpus.languages
        there = [code for code in self._config.study.targets if code in codes]
        return [code for code in there if shown is None or (code == self._config.study.shown_target) == shown]

    @property
    def probed(self) -> dict[str, Corpus]:
        """Return what probes tell, with the data set and the languages."""
        corpora = {role: self._config.used(role) for role in PROBES}
        return {task: corpus for role, corpus in corpora.items() if corpus is not None for task in PROBES[role]}

    @property
    def embedded(self) -> list[str]:
        """Return the data sets that the unintervened model embeds."""
        corpora = self._in(("alignment", "paraphrase", "translation", "mining", "topics"))
        return list(dict.fromkeys(corpus.dataset for corpus in corpora))

    def embedded_under(self, condition: str) -> list[str]:
        """Return the data sets that are embedded under a condition.

        Random controls and other methods have no Table 7 and no probes.
        """
        if condition == BASE:
            return self.embedded
        name = ConditionName.parse(condition)
        whole = name.units == "expert" and name.method is None
        roles = ["alignment", "paraphrase", *(["translation", "mining"] if whole else [])]
        there = [corpus.dataset for corpus in self._in(roles) if name.target in corpus.languages]
        topics = [corpus.dataset for corpus in self._in(["topics"] if whole else [])]
        return list(dict.fromkeys([*there, *topics]))

    def embedded_languages(self, condition: str, dataset: str) -> list[str]:
        """Return the languages of a data set that are embedded under a condition.

        Of data sets that only the target is compared in, that is the target.
        """
        changed = None if condition == BASE else ConditionName.parse(condition).target
        codes: list[str] = []
        for role in ("alignment", "topics", "paraphrase", "translation", "mining"):
            if (corpus := self._config.used(role)) is not None and corpus.dataset == dataset:
                only = role not in WHOLE and changed in corpus.languages
                codes += [changed] if only else corpus.languages
        return list(dict.fromkeys(codes))

    def _in(self, roles: Iterable[str]) -> list[Corpus]:
        return [corpus for role in roles if (corpus := self._config.used(role)) is not None]
