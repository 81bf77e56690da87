#!/usr/bin/env bash
# Builds the image of Weft, and beside it the npm package and the list of what is in them (SBOM, CycloneDX).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
deploy/build.sh [options]
  --tag NAME           of the image; repeat it for several (default: weft:<version>)
  --push               push what was built
  --node-image IMAGE   what Node is taken from, on Debian (default: that of deploy/Dockerfile)
  --from-host          take Node and iptables from this machine; needs root, and no registry of images
  --output FOLDER      where package and SBOM go (default: deploy/dist)
TEXT
}

fail() {
  echo "deploy/build.sh: $*" >&2
  exit 1
}

tags=() push=no from_host=no output=deploy/dist node_image=
while [ $# -gt 0 ]; do
  case "$1" in
    --tag) tags+=("${2:?--tag needs a name}") && shift ;;
    --node-image) node_image="${2:?--node-image needs a name}" && shift ;;
    --output) output="${2:?--output needs a folder}" && shift ;;
    --push) push=yes ;;
    --from-host) from_host=yes ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift
done

command -v docker >/dev/null || fail 'needs docker, as in Debian'"'"'s package docker.io'
docker info >/dev/null 2>&1 ||
  fail 'no Docker engine answers; start it, or set DOCKER_HOST, or join the group that may use it'
[ -d node_modules ] || fail 'run `npm ci` first'
PATH="$PWD/node_modules/.bin:$PATH"
version="$(node -p 'require("./package.json").version')"
[ "${#tags[@]}" -gt 0 ] || tags=("weft:$version")
revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"

mkdir -p "$output"
archive="$(npm pack --silent --pack-destination "$output" | tail -n 1)"
node deploy/sbom.ts >"$output/${archive%.tgz}.sbom.json"

arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
for tag in "${tags[@]}"; do arguments+=(--tag "$tag"); done

if [ "$from_host" = yes ]; then
  context="$(mktemp -d)"
  trap 'rm -rf "$context"' EXIT
  deploy/rootfs.sh "$context/image" "$output/$archive"
  # The last stage alone, which finds in an archive what the first would have made; a plain copy would all be root's.
  tar --sort=name -C "$context/image" -cf "$context/image.tar" .
  rm -r "$context/image"
  sed -n '/^FROM scratch/,$p' deploy/Dockerfile | sed 's|^COPY --from=build /image/ /|ADD image.tar /|' >"$context/Dockerfile"
  docker build "${arguments[@]}" "$context"
else
  [ -z "$node_image" ] || arguments+=(--build-arg "NODE_IMAGE=$node_image")
  docker build "${arguments[@]}" --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" -f deploy/Dockerfile .
fi

[ "$push" = no ] || for tag in "${tags[@]}"; do docker push "$tag"; done
printf '%s\n' "${tags[@]}" "$output/$archive" "$output/${archive%.tgz}.sbom.json"
