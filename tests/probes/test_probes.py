"""Probes against scikit-learn, loops one can read, and embeddings that are made to hold what they look for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workflow_scripts.jobs.errors import StudyError
from workflow_scripts.probes import structural
from workflow_scripts.probes.classification import Classifier, Standardiser, majority, scores
from workflow_scripts.probes.ngrams import NgramClassifier, count_ngrams
from workflow_scripts.probes.split import held_out
from workflow_scripts.probes.structural import StructuralProbe
from workflow_scripts.texts.trees import edges, spanning_tree, tree_distances


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 9))
def test_the_split_depends_on_ids_alone_and_neither_side_is_empty(count, share, seed):
    ids = [f"devtest-{number:06d}" for number in range(count)]
    tested = held_out(ids, share, seed)
    assert 1 <= len(tested) < count
    assert abs(len(tested) - share * count) <= 1
    assert held_out(reversed(ids), share, seed) == tested <= set(ids)


def test_another_seed_draws_other_sentences_and_one_sentence_is_no_split():
    ids = [str(number) for number in range(200)]
    both = held_out(ids, 0.3, 0) & held_out(ids, 0.3, 1)
    assert 5 < len(both) < 35  # 18 on average
    with pytest.raises(StudyError, match="at least two sentences"):
        held_out(["1"], 0.5, 0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_scores_are_those_of_scikit_learn(pairs):
    found, gold = zip(*pairs, strict=True)
    expected = f1_score(gold, found, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert scores(found, gold)["accuracy"] == pytest.approx(accuracy_score(gold, found))
    assert scores(found, gold)["macro_f1"] == pytest.approx(expected)


def test_the_classifier_is_a_logistic_regression_that_has_seen_no_test_data():
    generator = np.random.default_rng(0)
    train, test = (generator.normal(3, [1, 5, 0.1, 2], (count, 4)).astype(np.float32) for count in (90, 300))
    labels = np.where(train[:, 0] > 3.4, "x", np.where(train[:, 3] > 3, "y", "z"))
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (0.03 * 90), max_iter=1000)).fit(train, labels)
    found = Classifier(train, labels, 0.03)(test)
    assert np.mean(found == reference.predict(test)) > 0.99
    assert len(set(found)) == 3


def test_a_constant_dimension_is_left_out_and_one_label_refused():
    vectors = np.stack([np.arange(6.0), np.full(6, 7.0)], axis=1).astype(np.float32)
    standardised = Standardiser(vectors)(vectors)
    np.testing.assert_allclose(standardised[:, 0], StandardScaler().fit_transform(vectors)[:, 0], rtol=1e-5)
    assert not standardised[:, 1].any()
    with pytest.raises(StudyError, match="needs two kinds"):
        Classifier(vectors, ["x"] * 6, 1.0)
    assert majority(["b", "a", "b", "a", "c"]) == "a"


def test_ngrams_of_a_probe_are_those_of_its_training_texts_as_scikit_learn_has_them():
    generator = np.random.default_rng(0)
    kinds = {"x": "Haus Maus raus", "y": "Baum Schaum kaum", "z": "Wald bald kalt"}
    labels = generator.choice(list(kinds), 90)
    others = ["ab", "dem", "Mond", "im", "Dorf"]
    texts = [" ".join(generator.permutation([*kinds[label].split()[:2], *others])[:4]) for label in labels]
    train, test = texts[:60], [*texts[60:], "Дом", "schauMhaus"]
    counts = count_ngrams([*train, *test], 1, 3)
    found = NgramClassifier(counts[:60], labels[:60], 0.01)(counts[60:])
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))  # which has never seen the others
    reference = make_pipeline(vectors, LogisticRegression(C=1 / (0.01 * 60), max_iter=1000)).fit(train, labels[:60])
    np.testing.assert_array_equal(found, reference.predict(test))
    assert accuracy_score(labels[60:], found[:30]) > 0.5 and set(found) == set(kinds)
    with pytest.raises(StudyError, match="needs two kinds"):
        NgramClassifier(counts[:3], ["x"] * 3, 0.01)


def planted(sentences, noise, seed=0, words=9, d=40):
    """Trees, and embeddings whose squared distances in the first dimensions are the trees'; large noise in others."""
    generator = np.random.default_rng(seed)
    trees, vectors = [], []
    for _ in range(sentences):
        heads = [0, *(int(generator.integers(1, word)) for word in range(2, words + 1))]
        of_words = np.zeros((words, d))
        for word, head in enumerate(heads):
            if head:
                of_words[word] = of_words[head - 1]
                of_words[word, word] += 1  # the edge to its head
        of_words[:, words:] = generator.normal(0, noise, (words, d - words))
        trees.append(heads)
        vectors.append(of_words.astype(np.float32))
    return trees, vectors


def found_share(probe, trees, vectors):
    everything = range(len(trees[0]))
    found = [spanning_tree(probe(of_words), everything) for of_words in vectors]
    return np.mean([len(one & edges(heads, everything)) for one, heads in zip(found, trees, strict=True)]) / 8


def trained(trees, vectors, **changed):
    settings = {"rank": 9, "epochs": 60, "learning_rate": 0.1, "seed": 0, **changed}
    return StructuralProbe(vectors, [tree_distances(heads) for heads in trees], **settings)


def test_the_structural_probe_finds_planted_trees_that_raw_distances_do_not_show():
    trees, vectors = planted(200, noise=1.0)
    others, unseen = planted(50, noise=1.0, seed=1)
    raw = found_share(lambda words: ((words[:, None] - words) ** 2).sum(-1), others, unseen)
    probe = trained(trees, vectors)
    assert raw < 0.5
    assert found_share(probe, others, unseen) > 0.9
    distances = np.concatenate(
        [np.ravel(probe(words) - tree_distances(heads)) for heads, words in zip(others, unseen, strict=False)]
    )
    assert np.abs(distances).mean() < 0.6


def test_training_is_the_same_for_the_same_seed_and_distances_are_those_of_its_map():
    trees, vectors = planted(30, noise=0.3)
    one, same, other = (trained(trees, vectors, epochs=3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one(vectors[0]), same(vectors[0]))
    assert not np.allclose(one(vectors[0]), other(vectors[0]))
    mapped = vectors[0] * one._scale @ one._map.numpy()
    expected = [[np.sum((a - b) ** 2) for b in mapped] for a in mapped]
    np.testing.assert_allclose(one(vectors[0]), expected, rtol=1e-3, atol=1e-3)


def test_the_loss_is_the_mean_over_pairs_then_sentences():
    generator = np.random.default_rng(0)
    sentences = [generator.normal(size=(count, 5)).astype(np.float32) for count in (3, 6, 1)]
    gold = [generator.integers(0, 4, (len(words), len(words))).astype(np.float32) for words in sentences]
    mapped = torch.from_numpy(generator.normal(size=(5, 2)).astype(np.float32))
    expected = []
    for words, distances in zip(sentences, gold, strict=True):
        images = words @ mapped.numpy()
        terms = [
            abs(np.sum((images[i] - images[j]) ** 2) - distances[i, j])
            for i in range(len(words))
            for j in range(len(words))
        ]
        expected.append(np.mean(terms))
    found = structural._loss(structural._padded(sentences, gold), torch.arange(3), mapped)
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-4)
