"""Each loss is what its source states, and what a batch of them comes to."""

import numpy as np
import paddle
import pytest
from paddle import nn

from pm_cls.config.schema import LossConfig
from pm_cls.data import Spec
from pm_cls.runtime.errors import UsageError
from pm_cls.scores.target import Binary, Classes, Several
from pm_cls.train.losses import LOSSES
from pm_cls.train.objective import Objective

RNG = np.random.default_rng(0)
YES_NO = RNG.normal(0, 2, (8, 1)).astype(np.float32), RNG.integers(0, 2, 8)
THREE = RNG.normal(0, 2, (8, 3)).astype(np.float32), RNG.integers(0, 3, 8)
QUESTIONS = RNG.normal(0, 2, (8, 3)).astype(np.float32), RNG.integers(0, 2, (8, 3))
CASES = [(Binary(), *YES_NO), (Classes(3), *THREE), (Several(3), *QUESTIONS)]


def each(name, case, **options):
    target, logits, labels = case
    return LOSSES[name](paddle.to_tensor(logits), labels, target, **options).numpy()


def probabilities(case):
    """float64 [n, classes], or [n, m, 2] of m questions, and the label of each as a mask."""
    target, logits, labels = case
    logits = logits.astype(np.float64)
    if isinstance(target, Classes):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return p, np.eye(3)[labels]
    p = 1 / (1 + np.exp(-logits))
    return np.stack([1 - p, p], axis=2), np.eye(2)[labels.reshape(logits.shape)]


def mean_over_questions(values):
    return values.reshape(len(values), -1).mean(axis=1)


@pytest.mark.parametrize("case", CASES, ids=["yes-no", "classes", "questions"])
def test_cross_entropy_and_focal(case):
    p, label = probabilities(case)
    own = (p * label).sum(axis=-1)
    expected = mean_over_questions(-np.log(own))
    np.testing.assert_allclose(each("cross_entropy", case), expected, rtol=1e-5)
    expected = mean_over_questions(-((1 - own) ** 1.5) * np.log(own))
    np.testing.assert_allclose(each("focal", case, gamma=1.5), expected, rtol=1e-4)
    smooth = 0.8 * label + 0.2 / p.shape[-1]
    expected = mean_over_questions(-(smooth * np.log(p)).sum(axis=-1))
    found = each("cross_entropy", case, label_smoothing=0.2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_focal_has_a_slope_where_the_answer_is_sure(gamma):
    logits = paddle.to_tensor([[30.0], [200.0], [-3.0]], stop_gradient=False)
    LOSSES["focal"](logits, np.array([1, 1, 1]), Binary(), gamma=gamma).sum().backward()
    slopes = logits.grad.numpy()[:, 0]
    np.testing.assert_allclose(slopes[:2], 0, atol=1e-6)
    p = 1 / (1 + np.exp(3.0))
    expected = gamma * p * (1 - p) ** gamma * np.log(p) - (1 - p) ** (gamma + 1)
    assert slopes[2] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("case", CASES, ids=["yes-no", "classes", "questions"])
def test_hinge_and_ramp(case):
    target, logits, labels = case
    if isinstance(target, Classes):
        others = np.where(np.eye(3)[labels] == 1, -np.inf, logits).max(axis=1)
        margin = logits[np.arange(8), labels] - others
    else:
        margin = logits * (2 * labels.reshape(logits.shape) - 1)
    expected = mean_over_questions(np.maximum(0, 1 - margin))
    np.testing.assert_allclose(each("hinge", case), expected, rtol=1e-5, atol=1e-6)
    expected = mean_over_questions(np.clip(1 - margin, 0, 1.5))
    np.testing.assert_allclose(each("ramp", case, most=1.5), expected, rtol=1e-5, atol=1e-6)
    assert ((expected > 1.4).any() and (expected == 0).any()) or isinstance(target, Several)


def objective(target=None, model=None, **settings):
    return Objective(LossConfig(**settings), Spec(3, target or Binary()), model or nn.Layer())


def test_balanced_classes_count_the_same_in_all():
    logits, labels = THREE
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    of_batch = objective(Classes(3), class_weights="balanced")
    of_batch.weigh(labels)
    losses = each("cross_entropy", (Classes(3), logits, labels))
    expected = np.mean([losses[labels == one].mean() for one in range(3)])
    assert of_batch(paddle.to_tensor(logits), labels).item() == pytest.approx(expected, rel=1e-5)
    plain = objective(Classes(3))
    plain.weigh(labels)
    assert plain(paddle.to_tensor(logits), labels).item() == pytest.approx(losses.mean(), rel=1e-6)


def test_a_class_that_no_image_has_weighs_nothing():
    of_batch = objective(Binary(), class_weights="balanced")
    of_batch.weigh(np.ones(5, np.int64))
    logits = paddle.to_tensor(YES_NO[0][:5])
    plain = each("cross_entropy", (Binary(), YES_NO[0][:5], np.ones(5, np.int64))).mean()
    assert of_batch(logits, np.ones(5, np.int64)).item() == pytest.approx(plain, rel=1e-6)


def test_mixed_images_have_the_loss_of_both_labels():
    (logits, labels), others = THREE, (THREE[1] + 1) % 3
    shares = np.linspace(0.5, 1, 8)
    found = objective(Classes(3), name="hinge").mixed(
        paddle.to_tensor(logits), labels, others, shares
    )
    one, other = (each("hinge", (Classes(3), logits, y)) for y in (labels, others))
    assert found.item() == pytest.approx((shares * one + (1 - shares) * other).mean(), rel=1e-5)


def test_auxiliary_heads_count_a_share():
    logits, labels = (paddle.to_tensor(YES_NO[0]), YES_NO[1])
    alone = objective()(logits, labels).item()
    assert objective()([logits, logits, logits], labels).item() == pytest.approx(1.6 * alone, 1e-6)


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, values):
        return self.last(self.hidden(values))


def test_centre_loss_draws_features_to_the_centre_of_their_class():
    model, labels = Net(), THREE[1]
    of_batch = objective(Classes(3), model, centre=0.25)
    values = paddle.to_tensor(RNG.normal(size=(8, 4)).astype(np.float32))
    begun = RNG.normal(size=(3, 5)).astype(np.float32)
    of_batch.set_state_dict({"centres": begun})
    logits = model(values)
    features = model.hidden(values).numpy()
    distance = ((features - begun[labels]) ** 2).sum(axis=1) / 2
    plain = each("cross_entropy", (Classes(3), logits.numpy(), labels))
    loss = of_batch(logits, labels)
    assert loss.item() == pytest.approx((plain + 0.25 * distance).mean(), rel=1e-5)
    loss.backward()
    assert model.hidden.weight.grad is not None
    # Half the way of the paper's equation 4: by the sum over the class, less where it has few.
    sums = np.stack([(begun[k] - features[labels == k]).sum(axis=0) for k in range(3)])
    moved = begun - 0.5 * sums / (1 + np.bincount(labels, minlength=3))[:, np.newaxis]
    np.testing.assert_allclose(
        of_batch.state_dict()["centres"].numpy(), moved, rtol=1e-5, atol=1e-6
    )
    for _ in range(60):
        model(values)
        of_batch(logits, labels)
    means = np.stack([features[labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_allclose(of_batch.state_dict()["centres"].numpy(), means, atol=1e-3)
    again = objective(Classes(3), Net(), centre=0.25)
    again.set_state_dict({k: v.numpy() for k, v in of_batch.state_dict().items()})
    np.testing.assert_array_equal(*(o.state_dict()["centres"].numpy() for o in (again, of_batch)))


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_a_logit_of_zero_is_pulled_as_its_neighbours_are(name, label):
    def pull(value):
        logits = paddle.to_tensor([[value]], stop_gradient=False)
        LOSSES[name](logits, np.array([label]), Binary()).sum().backward()
        return logits.grad.item()

    assert pull(0.0) == pytest.approx(pull(1e-6), abs=1e-5)
    assert pull(0.0) * (1 - 2 * label) > 0.2


def test_what_does_not_go_is_refused():
    with pytest.raises(UsageError, match=r"`loss\.name` is 'l2'; known: cross_entropy, focal"):
        objective(name="l2")
    with pytest.raises(UsageError, match=r"`loss\.gamma` is no key of cross_entropy"):
        objective(gamma=1)
    with pytest.raises(UsageError, match=r"loss\.most"):
        objective(name="ramp", most=0.5)
    with pytest.raises(UsageError, match="class_weights` go by the class"):
        objective(Several(3), class_weights="balanced")
    with pytest.raises(UsageError, match=r"`loss\.centre` goes by the class"):
        objective(Several(3), Net(), centre=0.1)
    with pytest.raises(UsageError, match=r"one linear layer that gives the 4 outputs; 0 are"):
        objective(Classes(4), Net(), centre=0.1)
