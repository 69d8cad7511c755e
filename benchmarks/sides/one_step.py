"""The least of three training steps of a network: SIDE NETWORK PIXELS BATCH [THREADS FORM]."""

import json
import resource
import sys
import time
import warnings

import numpy as np

STEPS = 3
side, network, size, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
warnings.simplefilter("ignore")
images = np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)

if side == "torch":
    import torch

    torch.set_num_threads(int(sys.argv[5]))
    form = getattr(torch, sys.argv[6].replace("contiguous", "contiguous_format"))
    if network.startswith("lenet"):
        from pytorch_table import build

        model = build(network, "relu")
        hidden, last = (n for n, x in enumerate(model) if isinstance(x, torch.nn.Linear))
        model[hidden] = torch.nn.LazyLinear(model[hidden].out_features)  # of any size of images
        model[last] = torch.nn.Linear(model[last].in_features, 2)
        model(torch.from_numpy(images[:1]))
    else:
        # torchvision registers operators that the CPU build of PyTorch does not have.
        torch.library.register_fake = lambda *a, **k: lambda function: function
        import torchvision

        plain = {"aux_logits": False, "init_weights": True} if network == "googlenet" else {}
        model = getattr(torchvision.models, network)(num_classes=2, **plain)
    model = model.to(memory_format=form).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.001, momentum=0.9, fused=True)
    given, labels = torch.from_numpy(images).to(memory_format=form), torch.zeros(batch).long()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(given), labels).backward()
        optimizer.step()

else:
    from pm_cls.runtime import device

    device.prepare("cpu")

    import paddle

    from pm_cls.config.schema import OptimizerConfig
    from pm_cls.models import build_model
    from pm_cls.models.blocks.compiled import all_gradients
    from pm_cls.models.blocks.quick import quicken
    from pm_cls.train.optimizers import build_optimizer, step_on_the_way

    if network.startswith("lenet"):
        model = build_model(network, outputs=2, image_size=size, fast=side == "pm_cls")
    else:
        model = getattr(paddle.vision.models, network)(num_classes=2)
    optimizer = build_optimizer(model.parameters(), OptimizerConfig())
    if side == "pm_cls":
        quicken(model)
        step_on_the_way(model, optimizer, OptimizerConfig())
    model.train()
    given, labels = paddle.to_tensor(images), paddle.zeros([batch], "int64")

    def step() -> None:
        with all_gradients():
            made = model(given)
        logits = made[0] if isinstance(made, list | tuple) else made  # beside GoogLeNet's other two
        paddle.nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)


took = []
for _ in range(1 + STEPS):
    began = time.perf_counter()
    step()
    took.append(time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"step": min(took[1:]), "peak_mb": peak}))
