#!/usr/bin/env bash
# Stand-ins for the public base images of our Dockerfiles, for machines that can pull none: made from Debian packages
# and the toolchains of this machine, under the same names. An image of that name that did not come from here
# is left alone, and one that did is made anew only when its parts have changed. A toolchain that is not on this
# machine is said so, and its image left out.
#
#   DOCKER_HOST=unix:///… ci/base-images.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build/base-images
label=bench.stand-in
ca_bundle=/etc/ssl/certs/ca-certificates.crt
debian=debian:bookworm-slim
with_tools=bench-stand-in-tools
export DOCKER_BUILDKIT=0 # the classic builder is what every engine has

say() { printf 'base images: %s\n' "$*" >&2; }

key() { printf '%s\0' "$@" | sha256sum | cut -c 1-16; }

is_current() { # IMAGE KEY: it is there, and either made of the same parts or not made by us
    local has
    has=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
    [ "$has" = "$2" ] || [ -z "$has" ]
}

image_id() { docker image inspect --format '{{.Id}}' "$1"; }

# IMAGE VERSION [FOLDER [TAR-OPTION...]] <DOCKERFILE: builds with FOLDER's content as ./toolchain, the CA bundle
# beside it.
stand_in() {
    local image=$1 version=$2 folder=${3:-} dockerfile made context
    shift $(($# < 3 ? $# : 3))
    dockerfile=$(cat)
    made=$(key "$dockerfile" "$version" "$*" "$(image_id "$(sed -n 's/^FROM //p' <<<"$dockerfile")")" "$(cat $ca_bundle)")
    if is_current "$image" "$made"; then
        say "$image is there"
        return
    fi
    say "making $image ($version)"
    context=$(mktemp -d "$work/context.XXXXXX")
    printf '%s\n' "$dockerfile" >"$context/Dockerfile"
    cp $ca_bundle "$context/ca-certificates.crt"
    tar --create -C "$context" Dockerfile ca-certificates.crt \
        ${folder:+--transform='s,^\./,toolchain/,S' "$@" -C "$folder" .} |
        docker build --network host --label "$label=$made" --tag "$image" - >"$context.log" 2>&1 ||
        { tail -n 20 "$context.log" >&2; return 1; }
    rm -r "$context" "$context.log"
}

make_debian() {
    local made
    made=$(key "$(debootstrap --version)" bookworm)
    if is_current $debian "$made"; then
        say "$debian is there"
        return
    fi
    say "making $debian with debootstrap"
    local tree=$work/bookworm
    rm -rf "$tree"
    debootstrap --variant=minbase bookworm "$tree" >"$work/debootstrap.log" ||
        { tail -n 20 "$work/debootstrap.log" >&2; return 1; }
    rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
    tar -C "$tree" --create . | docker import --change "LABEL $label=$made" --change 'CMD ["bash"]' - $debian >/dev/null
    rm -rf "$tree"
}

make_tools() {
    stand_in $with_tools "gcc and the CA bundle" <<EOF
FROM $debian
COPY ca-certificates.crt $ca_bundle
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null && rm -rf /var/lib/apt/lists/*
ENV SSL_CERT_FILE=$ca_bundle CURL_CA_BUNDLE=$ca_bundle CARGO_HTTP_CAINFO=$ca_bundle NODE_EXTRA_CA_CERTS=$ca_bundle
EOF
}

make_go() {
    local go_root
    command -v go >/dev/null || { say "no go on this machine: no golang image"; return 0; }
    go_root=$(go env GOROOT)
    stand_in golang:1.26-bookworm "$(go version)" "$go_root" --exclude=./test --exclude=./doc <<EOF
FROM $with_tools
COPY toolchain /usr/local/go
ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /go
EOF
}

make_rust() {
    local sysroot
    command -v rustc >/dev/null || { say "no rustc on this machine: no rust image"; return 0; }
    sysroot=$(rustc --print sysroot)
    stand_in rust:1.95-bookworm "$(rustc --version)" "$sysroot" --exclude=./share <<EOF
FROM $with_tools
COPY toolchain /usr/local/rust
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EOF
}

jdk_25() { # its folder
    local home
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
        if [ -x "$home/bin/javac" ] && [ ! -L "$home" ] && "$home/bin/javac" -version 2>&1 | grep -q '^javac 25'; then
            echo "$home"
            return
        fi
    done
    return 1
}

make_java() {
    local jdk maven version
    jdk=$(jdk_25) || { say "no JDK 25 on this machine: no eclipse-temurin and maven images"; return 0; }
    version=$("$jdk/bin/java" -version 2>&1 | head -n 1)
    # Links are followed: a packaged JDK keeps its certificates elsewhere.
    stand_in eclipse-temurin:25-jre "$version" "$jdk" --dereference --exclude=./jmods --exclude='./lib/src.zip' --exclude=./man <<EOF
FROM $debian
COPY toolchain /opt/java/openjdk
ENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EOF
    command -v mvn >/dev/null || { say "no mvn on this machine: no maven image"; return 0; }
    maven=$(dirname "$(dirname "$(readlink -f "$(command -v mvn)")")")
    stand_in bench-stand-in-jdk "$version" "$jdk" --dereference --exclude='./lib/src.zip' --exclude=./man <<EOF
FROM $with_tools
COPY toolchain /opt/java/openjdk
ENV JAVA_HOME=/opt/java/openjdk MAVEN_HOME=/usr/share/maven
ENV PATH=/usr/share/maven/bin:/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EOF
    stand_in maven:3.9-eclipse-temurin-25 "$(mvn --batch-mode -Dstyle.color=never --version | sed -n 1p)" "$maven" --dereference <<EOF
FROM bench-stand-in-jdk
COPY toolchain /usr/share/maven
EOF
}

make_bun() { # from its npm package, in the version that the target's Dockerfile names
    local version machine package folder
    version=$(sed -n 's,^FROM oven/bun:\([0-9.]*\).*,\1,p' "$root"/targets/*/Dockerfile | head -n 1)
    [ -n "$version" ] || return 0
    case $(uname -m) in
        x86_64) machine=x64 ;;
        aarch64) machine=aarch64 ;;
        *) say "no Bun for $(uname -m)"; return 0 ;;
    esac
    package=@oven/bun-linux-$machine@$version
    folder=$work/bun-$version-$machine
    if [ ! -x "$folder/package/bin/bun" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        (cd "$folder" && npm pack --silent "$package" >/dev/null && tar -xf ./*.tgz && rm ./*.tgz)
    fi
    for tag in "$version" "$version-slim"; do
        stand_in "oven/bun:$tag" "$package" "$folder/package/bin" <<EOF
FROM $debian
COPY ca-certificates.crt $ca_bundle
COPY toolchain /usr/local/bin
ENV NODE_EXTRA_CA_CERTS=$ca_bundle
RUN ln -s bun /usr/local/bin/bunx && useradd --uid 1000 --create-home bun && mkdir /home/bun/app && chown bun:bun /home/bun/app
WORKDIR /home/bun/app
CMD ["bun"]
EOF
    done
}

make_python() { # for the drivers' own tests
    stand_in python:3.11-slim-bookworm "Debian package" <<EOF
FROM $debian
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 >/dev/null && rm -rf /var/lib/apt/lists/*
CMD ["python3"]
EOF
}

docker version >/dev/null || { say "no Docker engine answers at ${DOCKER_HOST:-the default address}"; exit 1; }
mkdir -p "$work"
make_debian
make_tools
make_go
make_rust
make_java
make_bun
make_python
