#!/usr/bin/env bash
# Sets up the environment, finds or makes the data, trains every network, writes the table.
# scripts/reproduce_table1.sh --help tells the options; on Windows: pm-cls reproduce
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh" ""
exec "$PYTHON" -m pm_cls.reproduce --repository "$repository" "$@"
