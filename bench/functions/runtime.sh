#!/usr/bin/env bash
# Builds AWS's runtime client for Node, which brings its C++ sources along; takes a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec bash test/support/functions/install-node-runtime.sh bench/.work/runtime
