#!/usr/bin/env bash
# Builds AWS's runtime client for Node, which brings its C++ sources along; takes a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then
  apt-get install -y -qq autoconf automake cmake g++ libtool make xz-utils >/dev/null
fi
mkdir -p bench/.work/runtime
echo '{ "private": true, "allowScripts": { "aws-lambda-ric": true } }' >bench/.work/runtime/package.json
npm install --prefix bench/.work/runtime aws-lambda-ric@4.0.2
