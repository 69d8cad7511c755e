"""What a YAML file may say, how it is read, and how a study makes many configs of one file."""

from pm_cls.config.reading import load_stored, stored_digest
from pm_cls.config.schema import SYNTHETIC, Config, DataConfig
from pm_cls.config.studies import load_config

__all__ = ["SYNTHETIC", "Config", "DataConfig", "load_config", "load_stored", "stored_digest"]
