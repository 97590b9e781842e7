#!/bin/sh
# Builds the plugin into the file named: sh build.sh conformance-c.wasm.
# Needs clang 14 or newer and lld; other ones than clang-14 and wasm-ld-14 are named
# by CC and WASM_LD.
set -eu
out=${1:?the file to build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case "$out" in /*) ;; *) out=$PWD/$out ;; esac
cd "$(dirname "$0")"
for source in *.c; do
  "${CC:-clang-14}" --target=wasm32 -std=c11 -O2 -mbulk-memory -ffreestanding \
    -Wall -Wextra -Werror -c -o "$scratch/${source%.c}.o" "$source"
done
# Linked by the linker itself: clang would run whatever wasm-opt is on the path, which
# may know less of WebAssembly than clang does.
"${WASM_LD:-wasm-ld-14}" --no-entry --stack-first --strip-all -o "$out" "$scratch"/*.o
