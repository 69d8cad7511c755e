"""What `inspect` finds out about a trained network.

gradients, attention   measured on the network, with Paddle
probes                 the photographs with one thing taken away
looks                  what is kept of it in a run; pictures draws it. Neither needs Paddle.
"""
