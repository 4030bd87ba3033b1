#!/bin/sh
# The Debian packages that building, demo and tests need. Nothing else is fetched.
set -eu
packages='gcc clang llvm libclang-rt-14-dev make pkg-config git libprotobuf-c-dev protobuf-c-compiler
 protobuf-compiler liblmdb-dev liblz4-dev libisal-dev libinih-dev libjansson-dev libssl-dev
 libfuse3-dev fuse3 libcmocka-dev zlib1g-dev hdfs-cli rclone dict-gcide jq mandoc bash coreutils
 procps util-linux iproute2 python3 openssl xz-utils libbz2-dev libzstd-dev liblzma-dev gzip
 bzip2 zstd lz4'
missing=
for p in $packages; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
run=
[ "$(id -u)" -eq 0 ] || run=sudo
echo "installing:$missing"
$run apt-get update -qq
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing
