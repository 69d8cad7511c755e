#!/usr/bin/env bash
# Sets up the environment with the extra `bench` and runs the benchmark; --help tells the options.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/environment.sh" "bench"
cd "$repository"
exec "$PYTHON" benchmarks/run.py "$@"
