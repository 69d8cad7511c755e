"""What `inspect` finds out about a trained network: its layers, and what it looks at.

gradients, saliency    measured on the network, with Paddle
ablations              the photographs with one thing taken away
looking                a run and its data -> what is kept (`pm_cls.records.saliency`)
"""
