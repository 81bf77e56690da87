#!/usr/bin/env bash
# deploy/rootfs.sh FOLDER [PACKAGE]: everything that an image of Weft holds, and nothing else: Node, Weft, the C library, iptables
# for `weft init`. Made from a checkout after `npm ci` and from what is installed here, in a stage of the Dockerfile or
# on a machine that reaches no registry of images.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "deploy/rootfs.sh: $*" >&2
  exit 1
}

[ $# = 1 ] || [ $# = 2 ] || fail 'name the folder to make'
[ -z "$(ls -A "$1" 2>/dev/null)" ] || fail "$1 is not empty"
mkdir -p "$1"
chmod 755 "$1"
root="$(cd "$1" && pwd)"
[ "$(id -u)" = 0 ] || fail 'needs root: folders of the image belong to user 1337'
[ -d node_modules ] || fail 'run `npm ci` first'
PATH="$PWD/node_modules/.bin:$PATH:/usr/sbin"
node -e 'process.exit(Number.parseInt(process.versions.node) < 24 ? 1 : 0)' || fail 'needs Node 24 or newer'
program="$(command -v iptables)" || fail 'install the package iptables'
iptables="$(readlink -f "$program")"
# Of all files, so that the same sources give the same image.
epoch="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
app="$root/opt/weft"

copy_package() {
  local made
  mkdir -p "$app"
  if [ -z "${package:-}" ]; then
    made="$(mktemp -d)"
    package="$made/$(npm pack --silent --pack-destination "$made" | tail -n 1)"
  fi
  tar -xzf "$package" -C "$app" --strip-components=1
  [ -z "${made:-}" ] || rm -r "$made"
  # No `env` is there to find Node.
  sed -i '1s|.*|#!/usr/local/bin/node|' "$app/bin/weft.mjs"
  chmod 755 "$app/bin/weft.mjs"
}

# What package.json asks for at run time, without what only people and compilers read.
copy_dependencies() {
  local folder
  npm ls --omit=dev --all --parseable | tail -n +2 | sort | while read -r folder; do
    folder="${folder#"$PWD"/}"
    mkdir -p "$app/$folder"
    tar -C "$folder" --exclude=./node_modules -c . | tar -C "$app/$folder" -x
  done
  find "$app/node_modules" "$app/dist" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \
    -o -iname 'readme*' -o -iname 'changelog*' \) -delete
  find "$app/node_modules" -type d -empty -delete
}

copy_node() {
  install -D -m 755 "$(node -p process.execPath)" "$root/usr/local/bin/node"
  ln -s ../../../opt/weft/bin/weft.mjs "$root/usr/local/bin/weft"
}

copy_iptables() {
  local extensions name
  install -D -m 755 "$iptables" "$root/usr/sbin/$(basename "$iptables")"
  for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -s "$(basename "$iptables")" "$root/usr/sbin/$name"
  done
  for extensions in /usr/lib/*/xtables /usr/lib/xtables /usr/lib64/xtables; do
    [ -d "$extensions" ] || continue
    mkdir -p "$root$extensions"
    cp "$extensions"/*.so "$root$extensions/"
  done
}

# Shared libraries of all programs and plug-ins, and what the C library loads to resolve names.
copy_libraries() {
  local library
  {
    find "$root/usr/local/bin/node" "$root/usr/sbin" "$root/usr/lib" -type f -exec ldd {} + 2>/dev/null |
      sed -nE 's/^[[:space:]]*(.* => )?(\/[^ ]+) \(0x.*/\2/p'
    find /lib/*-linux-gnu /lib64 -maxdepth 1 -name 'libnss_dns.so.2' -o -maxdepth 1 -name 'libnss_files.so.2'
  } 2>/dev/null | sort -u | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done
}

# Names, versions and terms of what came from Debian packages, where scanners of images look for them.
copy_notices() {
  local owner
  cp /etc/os-release "$root/etc/os-release"
  command -v dpkg-query >/dev/null || return 0
  mkdir -p "$root/var/lib/dpkg/status.d"
  # /lib has become a link to /usr/lib, but packages may still list it so.
  find "$root/lib" "$root/lib64" "$root/usr/lib" "$root/usr/sbin" -type f 2>/dev/null |
    sed -E "s|^$root(/usr)?(.*)|\2\n/usr\2|" | { xargs dpkg-query -S 2>/dev/null || true; } |
    sed -nE 's/^([a-z0-9.+-]+)(:[^:]+)?: .*/\1/p' | sort -u | while read -r owner; do
    dpkg-query -s "$owner" >"$root/var/lib/dpkg/status.d/$owner"
    [ ! -f "/usr/share/doc/$owner/copyright" ] ||
      install -D -m 644 "$(readlink -f "/usr/share/doc/$owner/copyright")" \
        "$root/usr/share/doc/$owner/copyright"
  done
}

make_system() {
  mkdir -p "$root"/{dev,etc/weft,proc,run,sys,tmp,var/lib/weft}
  ln -s ../run "$root/var/run"
  chmod 1777 "$root/tmp"
  printf '%s\n' 'root:x:0:0:root:/:/sbin/nologin' 'weft:x:1337:1337:weft:/var/lib/weft:/sbin/nologin' \
    >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'weft:x:1337:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  # A volume that is mounted there for the first time takes over whose they are.
  mkdir -p "$root/run/weft/trust" "$root/run/secrets/weft"
  chown -R 1337:1337 "$root/var/lib/weft" "$root/run/weft"
  chmod 700 "$root/var/lib/weft"
}

mkdir -p "$root/etc"
copy_package
copy_dependencies
copy_node
copy_iptables
copy_libraries
copy_notices
make_system
mkdir -p "$root/usr/share/weft"
SOURCE_DATE_EPOCH="$epoch" node deploy/sbom.ts "$root" >"$root/usr/share/weft/sbom.json"
# It runs with what is here alone.
chroot "$root" /usr/local/bin/weft version >/dev/null || fail 'what was made does not run'
find "$root" -exec touch -h -d "@$epoch" {} +
