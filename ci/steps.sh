# shellcheck shell=bash
# Sourced by the scripts that CI runs: `step TEXT` says what comes next and how long it has been.

step() { printf '\n==> %s  (%d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }
