#!/bin/sh
# Rebuilds the fixtures: build.sh <folder to write to>. Needs wat2wasm (wabt).
set -eu
here=$(dirname "$0")
for source in "$here"/*.wat; do
	wat2wasm "$source" -o "$1/$(basename "$source" .wat).wasm"
done
