#!/usr/bin/env bash
# Brings a database's schema up to date: foldhost migrate, with DATABASE_URL from the environment or from .env.
# Arguments go on: scripts/migrate.sh --json
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The environment wins over the file.
if [ -z "${DATABASE_URL:-}" ] && [ -f "$ROOT/.env" ]; then
    set -a
    # shellcheck disable=SC1091
    . "$ROOT/.env"
    set +a
fi
case " $* " in
    *' --database-url'* | *' --data-dir'* | *' --help '* | *' -h '*) ;;
    *)
        [ -n "${DATABASE_URL:-}" ] || die "DATABASE_URL is not set: set it, or copy .env.example to .env and write it there"
        ;;
esac

need_rust >&2
profile=release
# A debug build that is there already is as good.
if [ ! -x "$ROOT/target/release/foldhost" ] && [ -x "$ROOT/target/debug/foldhost" ]; then
    profile=dev
fi
exec cargo run --quiet --locked --manifest-path "$ROOT/Cargo.toml" --profile "$profile" -p foldhost -- migrate "$@"
