# Makes the root of one container's file system and becomes its process. Runs in a mount namespace of its own.
# container.sh ROOT CHECKOUT NODE MOUNTS WRITABLE COMMAND...
# MOUNTS is a file of lines: source, target and ro or rw, with tabs between them.
set -eu
root=$1 checkout=$2 node=$3 mounts=$4 writable=$5
shift 5

mount -t tmpfs -o mode=755,size=256m container "$root"
cd "$root"
mkdir -p proc sys dev etc home root run tmp opt/bin opt/weft usr var/lib var/log var/run var/tmp
chmod 1777 tmp var/tmp
mount --bind -o ro /usr usr
for name in bin lib lib64 sbin; do
  if [ -L "/$name" ]; then cp -P "/$name" .; elif [ -d "/$name" ]; then mkdir "$name"; mount --bind -o ro "/$name" "$name"; fi
done
for name in alternatives group ld.so.cache nsswitch.conf passwd protocols services ssl; do
  if [ -e "/etc/$name" ]; then cp -a "/etc/$name" etc/; fi
done
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount --bind -o ro "$checkout" opt/weft
touch opt/bin/node
mount --bind -o ro "$node" opt/bin/node
printf '#!/bin/sh\nexec node /opt/weft/src/main.ts "$@"\n' >opt/bin/weft
chmod 755 opt/bin/weft

tab=$(printf '\t')
while IFS="$tab" read -r source target mode; do
  if [ -d "$source" ]; then
    mkdir -p ".$target"
  else
    mkdir -p ".${target%/*}"
    touch ".$target"
  fi
  mount --bind "$source" ".$target"
  if [ "$mode" = ro ]; then mount -o remount,bind,ro ".$target"; fi
done <"$mounts"
if [ "$writable" = no ]; then mount -o remount,ro "$root"; fi
exec chroot . "$@"
