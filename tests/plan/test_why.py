"""The words for what changed: settings by key, file and line; functions by file; nothing where nothing differs."""

import pytest

from workflow_scripts.plan.why import NOTHING, changed_code, changed_settings, keep_code, setting_in_words


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("a.b", 1, 3)]),
        ({"a": 1}, {"b": 1}, [("a", 1, NOTHING), ("b", NOTHING, 1)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", [1, 2], [2, 1])]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, [("a.1.b", 2, 3)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 3}]}, [("a", [{"b": 1}], [{"b": 1}, {"b": 3}])]),
        ({"a": {"b": 1}}, {"a": None}, [("a", {"b": 1}, None)]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
    ],
)
def test_settings_that_differ_are_found_by_their_paths(before, now, expected):
    assert list(changed_settings(before, now)) == expected


def test_a_setting_is_named_as_in_the_config_where_one_key_alone_can_be_meant(tmp_path):
    config = {"correlations": {"resamples": 300, "seed": 1}, "projection": {"seed": 1}}
    file = tmp_path / "study.yaml"
    file.write_text("correlations:\n  resamples: 300\n  seed: 1\nprojection: {seed: 1}\n")
    told = setting_in_words("resampling.resamples", 200, 300, config, [str(file)])
    assert told == f"correlations.resamples: 200 → 300 ({file}, line 2)"
    assert setting_in_words("resampling.seed", 0, 1, config, [str(file)]) == "resampling.seed: 0 → 1"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("mean", "last", 'x: "mean" → "last"'),
        (NOTHING, None, "x: nothing → null"),
        (["en", "de"], ["de", "es", "fr"], 'x: + "es", + "fr", − "en"'),
        (["en", "de"], ["de", "en"], 'x: ["en", "de"] → ["de", "en"]'),
        ([], list("abcde"), 'x: + "a", + "b", + "c" and 2 more'),
        ("y" * 100, "z", f'x: "{"y" * 59}… → "z"'),
    ],
)
def test_old_and_new_values_are_shown(before, now, told):
    assert setting_in_words("x", before, now) == told


def test_code_that_changed_is_named_by_function_and_file(tmp_path):
    before = {"package.room.module:f": "1", "package.room.module:g": "1", "package.other:": "1", "room/table.csv": "1"}
    keep_code(tmp_path, {"0123456789abcdef": before})
    keep_code(tmp_path, {"0123456789abcdef": {}})  # what is kept once stays
    now = {**before, "package.room.module:g": "2", "package.other:": "2", "room/table.csv": "2", "package.new:h": "1"}
    del now["package.room.module:f"]
    assert changed_code(tmp_path, "0123456789abcdef", before) == []
    assert changed_code(tmp_path, "fedcba9876543210", now) == []
    assert sorted(changed_code(tmp_path, "0123456789abcdef", now)) == [
        "f in package/room/module.py is gone",
        "g in package/room/module.py changed",
        "h in package/new.py is new",
        "the file workflow_scripts/room/table.csv changed",
        "what package/other.py runs when it is imported changed",
    ]
