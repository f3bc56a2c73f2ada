#!/usr/bin/env bash
# A Docker engine of our own, beside (never instead of) one that may run already. Needs root and dockerd.
#
#   eval "$(ci/engine.sh start [NAME])"    starts it if need be, and points DOCKER_HOST at it
#   ci/engine.sh stop [NAME]               stops it by its process id; its images stay for the next start
#   ci/engine.sh kill [NAME]               SIGKILL, for tests of what happens then
#
# It has no bridge network and no firewall rules: containers and builds use the host's network. The engine named
# `remote` is reached by TCP on the loopback and has a bridge: to the harness it is an engine on another machine.
set -euo pipefail

action=${1:?start, stop or kill}
name=${2:-ci}
root=$(cd "$(dirname "$0")/.." && pwd)
number=$(printf %s "$root" | cksum | cut -d ' ' -f 1)
data=$root/.build/engine/$name
# A socket's path may have 107 bytes: a checkout can be deeper than that.
state=/run/bench-engine-$name-$number
pid_file=$state/docker.pid
containerd_pid_file=$state/exec/containerd/containerd.pid
deadline_s=60
started=

address=unix://$state/docker.sock
network=(--bridge=none)
bridge=
if [ "$name" = remote ]; then
    address=tcp://127.0.0.1:$((20000 + number % 10000))
    bridge=bench$((number % 100000))
    network=("--bridge=$bridge")
fi

owns() { # PID-FILE: the process it names is one of this engine's
    [ -r "$1" ] && grep -qz -e "$state" "/proc/$(cat "$1")/cmdline" 2>/dev/null
}

wait_until() { # CONDITION...
    local give_up=$((SECONDS + deadline_s))
    until "$@"; do
        [ $SECONDS -lt $give_up ] || return 1
        sleep 0.1
    done
}

runs() { owns "$pid_file"; }
is_gone() { ! runs; }
answers() { DOCKER_HOST=$address docker version >/dev/null 2>&1; }
answers_or_ended() { answers || { [ -n "$started" ] && ! kill -0 "$started" 2>/dev/null; }; }

start() {
    mkdir -p "$data" "$state"
    if is_gone; then
        rm -f "$pid_file"
        # An engine waits in vain for the containerd of its killed predecessor while that is a zombie.
        owns "$containerd_pid_file" || rm -f "$containerd_pid_file"
        if [ -n "$bridge" ] && [ ! -d "/sys/class/net/$bridge" ]; then
            ip link add "$bridge" type bridge
            ip address add "10.213.$((number % 250)).1/24" dev "$bridge"
            ip link set "$bridge" up
        fi
        setsid nohup dockerd --data-root "$data" --exec-root "$state/exec" --host "$address" \
            --pidfile "$pid_file" --iptables=false --ip6tables=false "${network[@]}" \
            >"$data.log" 2>&1 </dev/null &
        started=$!
    fi
    if ! wait_until answers_or_ended || ! answers; then
        echo "the Docker engine did not start; the end of $data.log:" >&2
        tail -n 20 "$data.log" >&2
        exit 1
    fi
    echo "export DOCKER_HOST=$address"
}

stop() {
    if [ -e "$pid_file" ] && is_gone; then
        start >/dev/null # it was killed: its successor ends the containers and mounts it left
    fi
    if runs; then
        kill -TERM "$(cat "$pid_file")"
        wait_until is_gone || kill_engine
    fi
    # An engine mounts its data folder onto itself, and a killed one leaves network namespaces mounted.
    awk -v state="$state/" -v data="$data" '
        { gsub(/\\040/, " ", $2) } # /proc/mounts has a space as \040
        index($2, state) == 1 || index($2 "/", data "/") == 1 { printf "%s%c", $2, 0 }' /proc/mounts |
        xargs --null --no-run-if-empty umount --lazy
    if [ -n "$bridge" ] && [ -d "/sys/class/net/$bridge" ]; then
        ip link delete "$bridge"
    fi
    rm -rf "$state"
}

kill_engine() {
    if runs; then
        kill -KILL "$(cat "$pid_file")"
        wait_until is_gone
    fi
}

case $action in
    start | stop) "$action" ;;
    kill) kill_engine ;;
    *) echo "usage: $0 start|stop|kill [NAME]" >&2; exit 2 ;;
esac
