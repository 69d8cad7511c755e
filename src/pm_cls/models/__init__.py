"""Networks, their weights, and what a finished run answers with them. All of it needs Paddle."""

from pm_cls.models.build import MODELS, build, build_model

__all__ = ["MODELS", "build", "build_model"]
