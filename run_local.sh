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

# What a command needs beyond the packages of the job itself: an extra of setup.py, or nothing.
extra_of() {
    case $1 in
    test | bench) echo "$1" ;;
    faults) echo test ;;
    # The first thing that .ci/run asks for, on a machine that has nothing, to go on with the linters.
    status) [[ -e $venv/setup.py ]] || echo test ;;
    esac
}

# A copy of setup.py in the venv says what is installed there: setup.py itself, and one more for each extra.
install_packages() {
    local extra=$1 stamp python
    stamp=$venv/setup${extra:+-$extra}.py
    [[ -x $venv/bin/python ]] && cmp -s setup.py "$stamp" && return
    python=$(find_python)
    echo "Installing the Python packages, which takes a minute or two the first time ..."
    [[ -x $venv/bin/python ]] || "$python" -m venv --clear "$venv"
    mkdir -p "$DATA_DIR/logs"
    with_progress "$DATA_DIR/logs/pip.log" \
        "$venv/bin/python" -m pip install --disable-pip-version-check -e ".${extra:+[$extra]}"
    cp setup.py "$venv/setup.py"
    cp setup.py "$stamp"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DATA_DIR=${DATA_DIR:-$root/.local}
mkdir -p "$DATA_DIR" 2>/dev/null || fail "DATA_DIR is $DATA_DIR, which is no folder and cannot be made one; set it to another one."
DATA_DIR=$(cd "$DATA_DIR" && pwd)
export DATA_DIR
venv=$DATA_DIR/venv

cd "$root"
command=${1:-demo}
case $command in
    down | status | -h | --help) ;; # need neither, and must work whatever has become of them
    *)
        # Nor do the tests that are run at every save.
        if [[ $command != test || " $* " != *" --fast "* ]]; then
            check_java
            check_maven
        fi
        ;;
esac
install_packages "$(extra_of "$command")"
exec "$venv/bin/python" -m local "$@"
