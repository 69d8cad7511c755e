#!/usr/bin/env bash
# Sets up the environment and runs the tests on the CPU; further words go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" dev
cd "$repository"
CUDA_VISIBLE_DEVICES="" exec "$PYTHON" -m pytest "$@"
