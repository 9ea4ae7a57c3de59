# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from depthsplat_ros.evaluation.comparison import Trend, compare, has_regressed
from depthsplat_ros.evaluation.document import SCHEMA, DocumentError, read_document


def document(*, error=0.05, within=0.9, scale=1.0, model="plane-sweep", latency_s=0.1):
    metrics = {"absolute_relative": error, "delta_1_25": within}
    return {
        "schema": SCHEMA,
        "made": {},
        "recordings": [],
        "results": [
            {
                "recording": "walk",
                "model": model,
                "source": "offline",
                "figures": {
                    "accuracy": {
                        "published": {"metrics": metrics, "median_ratio": {"median": scale}}
                    },
                    "cloud": None,
                },
                "performance": {"stages": {"predict": {"median_s": latency_s}}},
            }
        ],
    }


def trends(before, after, threshold=0.02):
    changes = compare(before, after, threshold=threshold)
    return {change.column.title: change.trend for change in changes}


def test_equal_documents_are_the_same():
    changes = compare(document(), document(), threshold=0.0)
    assert {change.trend for change in changes} == {Trend.SAME}
    assert not has_regressed(changes)


def test_better_is_lower_for_errors_higher_for_shares_and_nearer_to_one_for_scale():
    found = trends(document(), document(error=0.06, within=0.95, scale=0.9))
    assert found == {"AbsRel": Trend.WORSE, "δ<1.25": Trend.BETTER, "scale": Trend.WORSE}
    assert trends(document(scale=1.2), document(scale=0.9))["scale"] is Trend.BETTER


def test_a_change_below_the_threshold_is_none():
    assert trends(document(error=0.05), document(error=0.054), 0.1)["AbsRel"] is Trend.SAME
    assert trends(document(error=0.05), document(error=0.056), 0.1)["AbsRel"] is Trend.WORSE


def test_a_missing_model_is_a_regression_and_a_new_one_is_not():
    assert has_regressed(compare(document(), document(model="other"), threshold=0.5))
    both = document()
    both["results"] += document(model="other")["results"]
    assert not has_regressed(compare(document(), both, threshold=0.02))


def test_times_are_not_compared():
    assert set(trends(document(latency_s=0.1), document(latency_s=9.0)).values()) == {Trend.SAME}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        ("{", "no JSON"),
        ("[]", "schema is None"),
        (json.dumps({"schema": "depthsplat_ros.evaluation/99"}), "99"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path, content, words):
    path = tmp_path / "evaluation.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DocumentError, match=words):
        read_document(path)
