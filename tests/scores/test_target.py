"""What the columns of logits mean: one question, k classes, several questions."""

import numpy as np
import paddle
import pytest
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

from pm_cls.records import predictions
from pm_cls.records.predictions import Predictions
from pm_cls.scores import metrics
from pm_cls.scores.target import Binary, Classes, Several, target_of
from pm_cls.train.losses import cross_entropy

N = 60
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, 4)).astype(np.float32) * 3
FOUR = RNG.integers(0, 4, N)
ANSWERS = RNG.integers(0, 2, (N, 4))
# A target with logits and labels of it.
EACH = [
    (Binary(), LOGITS[:, :1], ANSWERS[:, 0]),
    (Classes(4), LOGITS, FOUR),
    (Several(4), LOGITS, ANSWERS),
    (Several(2), LOGITS[:, :2], ANSWERS[:, :2]),
]
each_target = pytest.mark.parametrize(
    ("target", "logits", "labels"), EACH, ids=[str(target) for target, _, _ in EACH]
)


def test_probabilities_of_classes_sum_to_one_and_those_of_questions_stand_alone():
    for target, logits in ((Binary(), LOGITS[:, :1]), (Classes(4), LOGITS)):
        probabilities = target.probabilities(logits)
        assert probabilities.dtype == np.float64
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), target.predicted(logits))
    exact = np.exp(LOGITS.astype(np.float64))
    np.testing.assert_allclose(
        Classes(4).probabilities(LOGITS), exact / exact.sum(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(Several(4).probabilities(LOGITS), exact / (1 + exact))
    assert Several(2).predicted(np.array([[0.0, -1e-9]])).tolist() == [[1, 0]]


def test_an_image_is_right_where_all_its_questions_are():
    logits = np.array([[1.0, -1], [1, 1], [-1, -1]])
    labels = np.array([[1, 0], [1, 0], [0, 0]])
    assert Several(2).right(logits, labels).tolist() == [True, False, True]
    scores = metrics.scores(logits, labels, Several(2))
    assert (scores.correct, scores.n, scores.accuracy) == (2, 3, 2 / 3)


@each_target
def test_the_loss_is_that_of_training(target, logits, labels):
    trained = cross_entropy(paddle.to_tensor(logits), labels, target).mean().item()
    assert target.cross_entropy(logits, labels) == pytest.approx(trained, rel=1e-5)


def test_the_loss_is_that_of_scikit_learn():
    classes = log_loss(FOUR, Classes(4).probabilities(LOGITS), labels=range(4))
    assert Classes(4).cross_entropy(LOGITS, FOUR) == pytest.approx(classes, rel=1e-6)
    columns = zip(ANSWERS.T, Several(4).probabilities(LOGITS).T, strict=True)
    several = np.mean([log_loss(answer, sure) for answer, sure in columns])
    assert Several(4).cross_entropy(LOGITS, ANSWERS) == pytest.approx(several, rel=1e-6)


def test_losses_survive_large_logits():
    large = np.array([[1e4, -1e4, 0]], np.float32)
    assert Classes(3).cross_entropy(large, np.array([1])) == 2e4
    assert Several(3).cross_entropy(large, np.array([[0, 1, 1]])) == pytest.approx(
        (2e4 + np.log(2)) / 3
    )


def test_auc_of_classes_is_one_against_the_rest():
    sure = Classes(4).probabilities(LOGITS)
    expected = roc_auc_score(FOUR, sure, multi_class="ovr", average="macro")
    assert metrics.auc(LOGITS, FOUR, Classes(4)) == pytest.approx(expected, abs=1e-12)


def test_classes_that_are_sure_are_still_ranked():
    """A probability of one in float64 is that of all logits from 37 on."""
    logits = np.array([[0, 50], [0, 60], [0, 70], [0, 80]], np.float32)
    assert metrics.auc(logits, np.array([0, 1, 1, 1]), Classes(2)) == 1.0


def test_auc_of_several_questions_is_the_mean_of_theirs():
    expected = roc_auc_score(ANSWERS, LOGITS, average="macro")
    assert metrics.auc(LOGITS, ANSWERS, Several(4)) == pytest.approx(expected, abs=1e-12)


def test_confusion_of_classes_has_a_row_a_label():
    found = metrics.confusion(LOGITS, FOUR, Classes(4))
    np.testing.assert_array_equal(found.counts, confusion_matrix(FOUR, LOGITS.argmax(axis=1)))
    assert not found.is_binary
    absent = metrics.confusion(LOGITS[:2], np.array([0, 0]), Classes(4))  # as wide all the same
    assert absent.counts.shape == (4, 4) and absent.counts[0].sum() == 2
    assert metrics.confusion(LOGITS, ANSWERS, Several(4)) is None


def test_top_errors_are_the_most_frequent_ones_and_no_right_answers():
    counts = np.array([[90, 2, 0], [7, 80, 1], [0, 2, 70]])
    found = metrics.Confusion(counts)
    assert found.top_errors() == [(1, 0, 7), (0, 1, 2), (2, 1, 2), (1, 2, 1)]
    assert found.top_errors(1) == [(1, 0, 7)]
    assert metrics.Confusion(np.diag([3, 4])).top_errors() == []


@each_target
def test_predictions_read_back_are_those_that_were_written(target, logits, labels, tmp_path):
    names = tuple(f"{i}, one.jpg" for i in range(len(labels)))
    written = Predictions(names, labels, logits * np.float32(1e-5), target)
    predictions.write(tmp_path / "p.csv", written)
    header = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert header == ",".join(["image", *target.label_columns, *target.logit_columns])
    read = predictions.read(tmp_path / "p.csv")
    assert (read.names, read.target) == (names, target)
    assert read.logits.dtype == np.float32 and read.labels.dtype == np.int64
    assert read.logits.tobytes() == written.logits.tobytes()
    np.testing.assert_array_equal(read.labels, labels)
    assert read.scores() == written.scores()


def test_columns_that_are_those_of_no_target_are_refused(tmp_path):
    for columns in (
        ["logit"],
        ["label", "logit_1"],
        ["label_0", "logit"],
        ["label", "logit", "more"],
    ):
        with pytest.raises(ValueError, match="are those of no predictions"):
            target_of(columns)
    (tmp_path / "p.csv").write_text("image,label,score\na,1,0.5\n")
    with pytest.raises(ValueError, match="label, score are those of no predictions"):
        predictions.read(tmp_path / "p.csv")
