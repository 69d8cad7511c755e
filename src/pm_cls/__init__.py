"""A reproduction package: LeNet-7, LeNet-9 and AlexNet on iChallenge-PM with PaddlePaddle.

    photographs - data -+                                +- tables
                        +- train (engine, models) - runs +- figures
    YAML - config ------+                                +- report

The training half needs Paddle; the reporting half (`results`, `tables`, `figures`, `report`)
never imports it. The two meet only in the files of a run (`runs`).
"""

__version__ = "0.1.0"
