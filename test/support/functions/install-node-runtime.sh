#!/usr/bin/env bash
# Builds AWS's runtime client for Node, which brings its C++ sources along; takes one to three minutes, once.
# Usage: install-node-runtime.sh [folder]; the tests look into the default.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=4.0.2
folder=${1:-node_modules/.cache/weft-runtime}
built=$folder/node_modules/aws-lambda-ric

if grep -qs "\"version\": \"$version\"" "$built/package.json" &&
  [ -n "$(find "$built" -name rapid-client.node -print -quit)" ]; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get install -y -qq autoconf automake cmake g++ libtool make xz-utils >/dev/null
fi
mkdir -p "$folder"
echo '{ "private": true, "allowScripts": { "aws-lambda-ric": true } }' >"$folder/package.json"
npm install --prefix "$folder" --no-audit --no-fund "aws-lambda-ric@$version"
