"""A web page of this machine alone on which networks answer to photographs.

Made of the standard library and one template: nothing is to be installed, fetched or reported to
anybody, which the heavier frameworks for such pages do, and each file is posted by itself, so that
no form need be taken apart.

    __main__ -- server (HTTP, what is refused) -- answering (runs, networks, simple answers)
"""
