#!/bin/sh
# Make the environment that everything runs in: .venv with the gateway (editable), its test tools and
# an SMPP library as test peer, and node's libraries for test peers in .cache/node.  A no-op when nothing changed.
#
#   PYTHON=python3.12 tools/install-python.sh     chooses the interpreter
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
NODE=.cache/node
OLDEST=3.11
CONVERSE=12.0.0

new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$OLDEST'.split('.'))))" 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "No Python of version $OLDEST or newer found; set PYTHON." >&2
    return 1
}

# Converse comes built; what its package depends on is for building it, and older npm cannot install that.
converse() {
    archive=$(npm pack --silent "converse.js@$CONVERSE") || return 1
    mkdir -p node_modules/converse.js
    tar -xzf "$archive" -C node_modules/converse.js --strip-components=1 && rm -f "$archive"
}

stamped() {
    [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]
}

checksum() {
    cat "$@" | cksum
}

# Python.  The stamp names the interpreter, the place and all that decides what gets installed.
python=$(find_python)
stamp="$("$python" -c 'import sys; print(sys.version, sys.base_prefix)') $PWD $(checksum setup.cfg pyproject.toml "tools/install-python.sh")"
if ! new_enough "$VENV/bin/python" || ! stamped "$VENV/stamp" "$stamp"; then
    if ! stamped "$VENV/place" "$python $PWD" || ! new_enough "$VENV/bin/python"; then
        "$python" -m venv --clear "$VENV"
        echo "$python $PWD" >"$VENV/place"
    fi
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[test]'
    echo "$stamp" >"$VENV/stamp"
fi

# smpp.twisted3 asks for a Twisted of its own age, yet runs with ours: a foreign SMPP peer in tests, no
# part of the gateway.  Its own needs, smpp.pdu3 and Twisted, are there already.
peers=$(checksum "$VENV/stamp" "tools/install-python.sh")
if ! stamped "$VENV/peers-stamp" "$peers"; then
    if "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --use-pep517 --no-deps 'smpp.twisted3==0.8'; then
        echo "$peers" >"$VENV/peers-stamp"
    else
        echo "smpp.twisted3 could not be installed; the tests against it are skipped." >&2
    fi
fi

# Node.
node=$(checksum tests/peers/node/package.json tools/install-python.sh)
if ! stamped "$NODE/stamp" "$node"; then
    if ! command -v npm >/dev/null; then
        echo "npm not found; the tests against peers on node are skipped." >&2
    else
        mkdir -p "$NODE"
        cp tests/peers/node/package.json "$NODE/package.json"
        if (cd "$NODE" && npm install --silent --no-audit --no-fund --no-package-lock && converse); then
            echo "$node" >"$NODE/stamp"
        else
            echo "node's libraries could not be installed; the tests against peers on node are skipped." >&2
        fi
    fi
fi
