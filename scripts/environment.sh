# Sourced by the scripts beside it: makes .venv once, with what the extra in $1 asks for on top of
# Paddle ("" or "dev"), and sets PYTHON to its interpreter.
#
#   PM_CLS_OLDEST=1    the oldest supported versions, Paddle 2.6.2 among them, in .venv-oldest

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    say "Python 3.10 to 3.13 is needed and was not found; on Debian or Ubuntu:"
    say "    sudo apt-get install python3 python3-venv"
    return 1
}

system_python=$(find_python) || exit 2
if ! "$system_python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "Python's venv is missing; on Debian or Ubuntu: sudo apt-get install python3-venv"
    exit 2
fi
if ! "$system_python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then
    say "The library libgomp, which Paddle needs, is missing; on Debian or Ubuntu:"
    say "    sudo apt-get install libgomp1"
    exit 2
fi

# paddlepaddle-gpu is on the package index up to 2.6.2, for Python up to 3.12.
paddle=cpu constraints=constraints.txt venv=$repository/.venv
if nvidia-smi -L 2>/dev/null | grep -q GPU &&
    "$system_python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
    paddle=gpu constraints=constraints-oldest.txt
fi
if [ -n "${PM_CLS_OLDEST:-}" ]; then
    constraints=constraints-oldest.txt venv=$repository/.venv-oldest
fi

PYTHON=$venv/bin/python
extras=$paddle${1:+,$1}
wanted=$(cd "$repository" && cat pyproject.toml "$constraints" | cksum)
stamp=$venv/installed-$paddle  # one for Paddle, one more for each further extra
if [ -d "$venv" ] && ! "$PYTHON" -c '' 2>/dev/null; then
    rm -rf "$venv" # its Python is gone
fi
if [ -d "$venv" ] && [ -z "$(find "$venv" -maxdepth 1 -name "installed-$paddle")" ] &&
    [ -n "$(find "$venv" -maxdepth 1 -name 'installed-*')" ]; then
    rm -rf "$venv" # holds the other of the two Paddle wheels, which exclude each other
fi
if [ "$(cat "$stamp${1:+-$1}" 2>/dev/null)" != "$wanted" ]; then
    say "Setting up ${venv##*/} with Paddle for the ${paddle^^}, once; this takes a minute or more."
    [ -d "$venv" ] || "$system_python" -m venv "$venv" || exit 2
    "$PYTHON" -m pip install --quiet --disable-pip-version-check \
        --constraint "$repository/$constraints" --editable "$repository[$extras]" || exit 2
    echo "$wanted" >"$stamp"
    [ -z "$1" ] || echo "$wanted" >"$stamp-$1"
fi
