#!/usr/bin/env bash
# The targets in real containers: a private Docker engine, base images made offline, the driver's own tests, conformance
# of every target, and a smoke bench. Everything that was started is stopped in the end, by its id.
#
#   ci/containers.sh
set -euo pipefail
cd "$(dirname "$0")/.."

. ci/steps.sh
results=.build/ci-results
remote=

end() {
    local status=$?
    trap - EXIT
    step "stopping what was started"
    [ -z "$remote" ] || { kill "$remote" 2>/dev/null; wait "$remote"; } || true
    .venv/bin/harness clean || true
    ci/engine.sh stop remote
    ci/engine.sh stop ci
    exit $status
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "packages for containers"
make --silent .venv/.ready-dev
ci/packages.sh docker=docker.io dockerd=docker.io containerd=containerd runc=runc iptables=iptables \
    debootstrap=debootstrap ip=iproute2 mvn=maven npm=npm

step "a private Docker engine"
mkdir -p "$results"
eval "$(ci/engine.sh start ci)"
here=$DOCKER_HOST
docker version --format 'Docker {{.Server.Version}}'

step "base images"
ci/base-images.sh

step "the docker driver's tests, on an engine of this host"
.venv/bin/pytest -q -m docker tests

step "side by side, as nothing is measured: the same on an engine reached by TCP, and conformance of every target"
eval "$(ci/engine.sh start remote)"
DOCKER_HOST=$here docker save debian:bookworm-slim python:3.11-slim-bookworm | docker load --quiet
.venv/bin/pytest -q -m docker tests/drivers >"$results/remote.log" 2>&1 &
remote=$!
export DOCKER_HOST=$here
printf '%s\n' targets/*/target.yaml | cut -d / -f 2 |
    xargs -P 4 -I '{}' .venv/bin/harness verify --quiet --driver docker --target '{}' --out "$results/verify-{}"
status=0
wait "$remote" || status=$?
remote=
cat "$results/remote.log"
[ $status = 0 ] || exit $status
ci/engine.sh stop remote

step "a smoke bench"
# 3 says that too few trials were valid: so it is on a busy machine, and no fault of the containers.
.venv/bin/harness bench smoke --driver docker --rounds 1 --out "$results" || [ $? = 3 ]
