#!/usr/bin/env bash
# Runs the job on this machine: prepares Python, then hands over to the local package. See ./run_local.sh --help.
set -euo pipefail
trap 'exit 130' INT

fail() {
    echo "$1" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in python3 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or 3.12 is needed; install one of them and put it on the PATH."
}

check_java() {
    local java="${JAVA_HOME:+$JAVA_HOME/bin/}java" version
    if [[ -n ${JAVA_HOME:-} && ! -x $java ]]; then
        fail "JAVA_HOME is $JAVA_HOME, which has no bin/java; set it to the folder of a JDK 17."
    fi
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([^"]*\)".*/\1/p') || true
    [[ -n $version ]] || fail "JDK 17 is needed; install it, and set JAVA_HOME or put its java on the PATH."
    [[ $version =~ ^17([.-]|$) ]] ||
        fail "JDK 17 is needed, but $java is version $version; set JAVA_HOME to the folder of a JDK 17."
}

check_maven() {
    command -v mvn >/dev/null || fail "Maven is needed; install it and put its mvn on the PATH."
}

# Shows the last line of what a command says, in place, where somebody is looking; all of it goes to a log.
with_progress() {
    local log=$1 line
    shift
    if ! "$@" 2>&1 | tee "$log" | while read -r line; do
        [[ ! -t 1 ]] || printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$line"
    done; then
        [[ ! -t 1 ]] || printf '\r\033[K'
        tail -n 5 "$log" >&2
        fail "The Python packages could not be installed; put right what $log says and try again."
    fi
    [[ ! -t 1 ]] || printf '\r\033[K'
}

# The copy of setup.py in the venv says what is installed there.
install_packages() {
    [[ -x $venv/bin/python ]] && cmp -s setup.py "$venv/setup.py" && return
    local python
    python=$(find_python)
    echo "Installing the Python packages, which takes a minute or two the first time ..."
    [[ -x $venv/bin/python ]] || "$python" -m venv --clear "$venv"
    mkdir -p "$DATA_DIR/logs"
    with_progress "$DATA_DIR/logs/pip.log" "$venv/bin/python" -m pip install --disable-pip-version-check -e '.[bench,test]'
    cp setup.py "$venv/setup.py"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DATA_DIR=${DATA_DIR:-$root/.local}
mkdir -p "$DATA_DIR" 2>/dev/null || fail "DATA_DIR is $DATA_DIR, which is no folder and cannot be made one; set it to another one."
DATA_DIR=$(cd "$DATA_DIR" && pwd)
export DATA_DIR
venv=$DATA_DIR/venv

cd "$root"
case ${1:-demo} in
    down | status | -h | --help) ;; # need neither, and must work whatever has become of them
    *)
        check_java
        check_maven
        ;;
esac
install_packages
exec "$venv/bin/python" -m local "$@"
