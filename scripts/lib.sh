# shellcheck shell=bash
# What the scripts share: say what happens, find or install what is needed. Sourced, for bash 3.2 and newer.

# The repository.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
WASM_TARGET=wasm32-unknown-unknown
# The oldest PostgreSQL that the host takes.
POSTGRES_OLDEST=14

# The SQL is checked against the committed .sqlx. Without this the build would ask the database that DATABASE_URL names.
export SQLX_OFFLINE=true

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command with root's rights.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "root is needed, and there is no sudo: run as root: $*"
    fi
}

# Rust, new enough for the workspace, and the linker that it calls.
need_rust() {
    if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
        # Installed by rustup, in a shell that was opened before.
        PATH="$HOME/.cargo/bin:$PATH"
        export PATH
    fi
    if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
        die "Rust is missing: install it from https://rustup.rs and open a new shell"
    fi
    local wanted has
    wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' "$ROOT/Cargo.toml" | head -n 1)
    has=$(cd "$ROOT" && rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    if [ -n "$has" ] && [ "$has" -lt "$wanted" ]; then
        die "Rust 1.$has is too old, 1.$wanted is needed: run rustup update stable"
    fi
    if ! command -v cc >/dev/null 2>&1; then
        die "a C compiler is missing, which Rust links with: install one (Debian: apt-get install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)"
    fi
    say "Rust is there: $(cd "$ROOT" && rustc --version)"
}

has_wasm_target() {
    local libs
    libs=$(cd "$ROOT" && rustc --print target-libdir --target "$WASM_TARGET" 2>/dev/null) || return 1
    ls "$libs"/libcore-*.rlib >/dev/null 2>&1
}

# The target that reducers are compiled for.
need_wasm_target() {
    if has_wasm_target; then
        say "the target $WASM_TARGET is there"
        return
    fi
    if ! command -v rustup >/dev/null 2>&1; then
        die "the target $WASM_TARGET is missing and there is no rustup: install it (Debian: apt-get install libstd-rust-dev-wasm32; Fedora: dnf install rust-std-static-$WASM_TARGET), or Rust from https://rustup.rs"
    fi
    say "adding the target $WASM_TARGET (rustup target add)"
    (cd "$ROOT" && rustup target add "$WASM_TARGET") || die "rustup could not add $WASM_TARGET"
    has_wasm_target || die "rustup added $WASM_TARGET, but rustc does not find it: is rustc rustup's own?"
}

# The directories that the host searches for PostgreSQL's programs, one a line. Keep in step with
# host/src/embedded_postgres/installation.rs.
postgres_candidates() {
    if [ -n "${PG_BIN_DIR:-}" ]; then
        printf '%s\n' "$PG_BIN_DIR"
        return
    fi
    local dir
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin; do
        printf '%s\n' "$dir"
    done
    pg_config --bindir 2>/dev/null || true
    printf '%s\n' "$PATH" | tr ':' '\n'
}

# Prints the version of a server that is new enough, if there is one.
find_postgres() {
    local dir version major
    while IFS= read -r dir; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            version=$("$dir/postgres" --version 2>/dev/null | awk '{ print $3 }')
            major=${version%%[!0-9]*}
            if [ -n "$major" ] && [ "$major" -ge "$POSTGRES_OLDEST" ]; then
                printf '%s in %s\n' "$version" "$dir"
                return 0
            fi
        fi
    done <<EOT
$(postgres_candidates)
EOT
    return 1
}

# Debian's package starts a cluster of the system, on port 5432, unless it is told not to.
install_postgres_debian() {
    local dir=/etc/postgresql-common/createcluster.d file status=0
    file=$dir/foldhost-install.conf
    as_root mkdir -p "$dir"
    printf 'create_main_cluster = false\n' | as_root tee "$file" >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || status=$?
    if [ "$status" = 0 ]; then
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends postgresql </dev/null || status=$?
    fi
    as_root rm -f "$file"
    return "$status"
}

# A PostgreSQL server, installed where there is none.
need_postgres() {
    local found
    if found=$(find_postgres); then
        say "a PostgreSQL server is there: $found"
        return
    fi
    if [ -n "${PG_BIN_DIR:-}" ]; then
        die "PG_BIN_DIR is $PG_BIN_DIR, and there is no PostgreSQL $POSTGRES_OLDEST or newer in it"
    fi
    if command -v apt-get >/dev/null 2>&1; then
        say "installing the PostgreSQL server (apt-get install postgresql; no cluster of the system is made)"
        install_postgres_debian || die "apt-get could not install postgresql"
    elif command -v dnf >/dev/null 2>&1; then
        say "installing the PostgreSQL server (dnf install postgresql-server)"
        as_root dnf install -y -q postgresql-server </dev/null || die "dnf could not install postgresql-server"
    elif command -v brew >/dev/null 2>&1; then
        say "installing the PostgreSQL server (brew install postgresql@17)"
        brew install postgresql@17 </dev/null || die "brew could not install postgresql@17"
    else
        die "no PostgreSQL server was found: install version $POSTGRES_OLDEST or newer with this system's packages, or name its programs' directory in PG_BIN_DIR"
    fi
    found=$(find_postgres) || die "the package holds no PostgreSQL $POSTGRES_OLDEST or newer: install one, and name its programs' directory in PG_BIN_DIR"
    say "the PostgreSQL server is installed: $found"
}

# The image of the test containers, and the label that the tests put on them (tests/support/src/database/container.rs).
# shellcheck disable=SC2034 # Used by the scripts that source this.
TEST_IMAGE=postgres:${FOLDHOST_TEST_POSTGRES_TAG:-17}
TEST_LABEL=foldhost.test-postgres

docker_answers() {
    command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1
}

# Installs the Debian packages that are not there yet: install_debian PACKAGE...
install_debian() {
    local package missing=''
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing (apt-get install)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq || return 1
    # shellcheck disable=SC2086 # Several packages.
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
}

# Starts the engine, by the system's own means where it has them. For root.
start_docker() {
    local log=/var/log/foldhost-dockerd.log engine='' tries=0
    if [ -d /run/systemd/system ]; then
        systemctl start docker || return 1
    else
        # vfs is slow, and the one storage driver that also works inside of a container.
        say "starting the Docker engine (dockerd --storage-driver=vfs; it goes on running, its log is $log)"
        setsid nohup dockerd --storage-driver=vfs >"$log" 2>&1 </dev/null &
        engine=$!
    fi
    # Nothing tells that it is ready.
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ] || { [ -n "$engine" ] && ! kill -0 "$engine" 2>/dev/null; }; then
            [ ! -f "$log" ] || tail -n 5 "$log" >&2
            return 1
        fi
        sleep 0.5
    done
}

# A Docker engine that answers: the one that runs, or one that root can install and start.
need_docker() {
    if docker_answers; then
        say "a Docker engine answers: $(docker version --format '{{.Server.Version}}')"
        return
    fi
    [ "$(id -u)" = 0 ] || die "no Docker engine answers to this user: start one (docker info must succeed), or run this as root once, which can"
    if ! command -v dockerd >/dev/null 2>&1; then
        command -v apt-get >/dev/null 2>&1 || die "there is no Docker engine: install one, see https://docs.docker.com/engine/install"
        install_debian docker.io iptables || die "apt-get could not install docker.io"
    fi
    start_docker || die "the Docker engine does not start: start it by other means, and try again"
    say "the Docker engine is started: $(docker version --format '{{.Server.Version}}')"
}

# Removes the test containers that no test uses. A test binary holds an advisory lock in the server that it uses (IN_USE in
# tests/support/src/database/leftovers.rs). Whoever gets it alone ends the server while holding it: no other run can come
# in between the question and the end. The wait is for tests that were killed just now.
remove_test_containers() {
    local container state
    for container in $(docker ps -aq --filter "label=$TEST_LABEL"); do
        state=$(docker exec -i "$container" psql -X -q -U foldhost -d postgres 2>/dev/null <<'EOT'
SET lock_timeout = '3s';
SELECT pg_advisory_lock(7261123002) \g /dev/null
\if :ERROR
\echo used
\else
\echo free
\! kill -QUIT 1
SELECT pg_sleep(60);
\endif
EOT
        ) || true
        case $state in
            used*)
                say "a test container stays: another run uses it"
                continue
                ;;
            free*) docker wait "$container" >/dev/null ;;
            # It lets nobody in, so nobody uses it: it has ended, or a run was interrupted while it started.
            *) docker kill "$container" >/dev/null 2>&1 || true ;;
        esac
        # Without --force: a run that has just started it again keeps it.
        docker rm -v "$container" >/dev/null || true
    done
}
