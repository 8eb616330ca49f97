#!/bin/sh
# Runs the fuzz targets for a bounded time, one after the other, and sums up.
#
#     fuzz/run-all.sh SECONDS [TARGET...]
#
# New inputs go to fuzz/target/roam/TARGET; the committed corpora are read, not written.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz/run-all.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list)
cargo +nightly fuzz build -s none
failed=
for target; do
    grown=fuzz/target/roam/$target
    mkdir -p "$grown"
    log=$grown.log
    flags="-max_total_time=$seconds -print_final_stats=1 -timeout=20"
    case $target in
        head | body | differential | target | condition | handshake) flags="$flags -dict=fuzz/dictionaries/http.dict" ;;
        deflate) flags="$flags -dict=fuzz/dictionaries/extension.dict" ;;
        v1) flags="$flags -dict=fuzz/dictionaries/v1.dict" ;;
        frame | message) flags="$flags -dict=fuzz/dictionaries/websocket.dict" ;;
        conn | client) flags="$flags -dict=fuzz/dictionaries/http.dict" ;;
    esac
    # shellcheck disable=SC2086 # The flags are words.
    if cargo +nightly fuzz run -s none "$target" "$grown" "fuzz/corpus/$target" -- $flags 2>"$log"; then
        verdict=held
    else
        verdict="FAILED, see $log"
        failed=yes
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${runs:-no} inputs, $verdict"
done
[ -z "$failed" ]
