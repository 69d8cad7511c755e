# Sourced by the scripts beside it: makes .venv once, with what the extra in $1 asks for on top of
# Paddle ("" or "dev"), and sets PYTHON to its interpreter.
#
#   PM_CLS_OLDEST=1          the oldest supported versions, Paddle 2.6.2 among them, in .venv-oldest
#   PM_CLS_PADDLE=cpu|gpu    the wheel to take, whatever nvidia-smi says

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

# Whether pip is there and can install a project that has pyproject.toml alone as --editable, as
# from 21.3 on; early Python 3.10 came with 21.2.
pip_will_do() {
    local version
    version=$("$PYTHON" -m pip --version 2>/dev/null) || return 1
    [[ $version =~ ^pip\ ([0-9]+)(\.([0-9]+))? ]] || return 1
    ((10#${BASH_REMATCH[1]} * 1000 + 10#${BASH_REMATCH[3]:-0} >= 21003))
}

renew_pip() {
    pip_will_do && return
    "$PYTHON" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m ensurepip --upgrade >/dev/null || true
    pip_will_do && return
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=21.3' || true
    pip_will_do && return
    say "pip 21.3 or newer is needed in ${venv##*/} and could not be had; try yourself:"
    say "    $PYTHON -m ensurepip --upgrade && $PYTHON -m pip install --upgrade pip"
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
paddle=${PM_CLS_PADDLE:-cpu} constraints=constraints.txt venv=$repository/.venv
if [ -z "${PM_CLS_PADDLE:-}" ] && [[ "$(nvidia-smi -L 2>/dev/null)" == *GPU* ]]; then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1)
    if [ "${capability%%.*}" -ge 9 ] 2>/dev/null; then
        say "There is a GPU of capability $capability, but paddlepaddle-gpu 2.6.2 has code up to 8.9 alone:"
        say "going on with the CPU; docs/gpu.md says more."
    elif "$system_python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
        paddle=gpu
    else
        say "There is a GPU, but paddlepaddle-gpu only for Python up to 3.12: going on with the CPU."
    fi
fi
if [ "$paddle" = gpu ] || [ -n "${PM_CLS_OLDEST:-}" ]; then
    constraints=constraints-oldest.txt
fi
if [ -n "${PM_CLS_OLDEST:-}" ]; then
    venv=$repository/.venv-oldest
fi

PYTHON=$venv/bin/python
extras=$paddle${1:+,$1}
wanted=$({ cat "$repository/pyproject.toml" "$repository/$constraints"; echo "$repository"; } | cksum)
stamp=$venv/installed-$paddle${1:+-$1}
if [ -e "$venv/pyvenv.cfg" ] && ! compgen -G "$venv/paddle-*" >/dev/null; then
    say "$venv was not made by these scripts, which make their own there: move it away or remove it."
    exit 2
fi
if [ -d "$venv" ]; then
    # Half made, its Python gone, or with the other Paddle wheel, which excludes this one.
    if ! "$PYTHON" -m pip --version >/dev/null 2>&1 || [ ! -e "$venv/paddle-$paddle" ]; then
        rm -rf "$venv"
    fi
fi
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    say "Setting up ${venv##*/} with Paddle for the ${paddle^^}, once; it takes minutes, in silence."
    if [ ! -d "$venv" ]; then
        mkdir -p "$venv" && touch "$venv/paddle-$paddle" # before it is half made
        "$system_python" -m venv "$venv" || exit 2
    fi
    renew_pip || exit 2
    "$PYTHON" -m pip install --quiet --disable-pip-version-check \
        --constraint "$repository/$constraints" --editable "$repository[$extras]" || exit 2
    echo "$wanted" >"$stamp"
    echo "$wanted" >"$venv/installed-$paddle" # what has the extra has Paddle alone as well
fi
