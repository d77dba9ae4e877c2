#!/bin/sh
# Stands in for Python, so that no test installs 320 MB: answers the probe, "makes" environments, counts the calls of pip,
# is slow or fails on demand (a file `slow` or `offline` beside the environments). Its simulator never starts.
beside=$(dirname "$0")/../..
case "$1 $2" in
"-c "*) echo '{"version": [3, 12, 1], "home": "/fake", "complete": true}' ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    echo called >>"$beside/pip-calls"
    [ -e "$beside/slow" ] && sleep 2
    if [ -e "$beside/offline" ]; then
        echo "ERROR: Could not find a version that satisfies the requirement moto==5.2.5"
        exit 1
    fi
    ;;
"-m simulator")
    echo "ModuleNotFoundError: No module named 'moto'" >&2
    exit 1
    ;;
esac
