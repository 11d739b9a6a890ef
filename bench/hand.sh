#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The payload of the workload `real` without a builder: hand.sh ROOT CONTEXT DIR, in a mount namespace
# of its own, so that nothing has to be unmounted.
set -eu

root=$1 context=$2 dir=$3
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$dir/upper,workdir=$dir/work,volatile" "$dir/root"
mount --rbind /dev "$dir/root/dev"
mount -t proc proc "$dir/root/proc"
cp -a "$context/debs" "$context/src" "$dir/root"
chroot "$dir/root" sh -c 'DEBIAN_FRONTEND=noninteractive dpkg -i /debs/*.deb && make -s -C /src -j2'
cp -a "$dir/root/src/program" "$dir/program"
