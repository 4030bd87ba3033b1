#!/bin/bash
# The frames of a stock Java client, as captured with a real HDFS, sent byte for byte to a namenode: every call is answered, and as it should be.
. "$(dirname "$0")/../lib/e2e.sh" || exit 1

up --datanodes 3 --hadoop loopback --no-agents --min-block-size 1024
USER=$(id -un) "$build/tests/replay" "127.0.0.1:$(port namenode 0 hadoop)" >"$work/answers" || fail "an answer makes no sense: $(tail -1 "$work/answers")"

# What is refused, in the order of tests/vectors/hdfs_captured.h; all other calls are answered.
cat >"$work/refused" <<'END'
complete java.io.IOException
updateBlockForPipeline java.io.IOException
updatePipeline java.io.IOException
getFileInfo java.lang.AssertionError
getFileInfo java.io.FileNotFoundException
getListing org.apache.hadoop.fs.DirectoryListingStartAfterNotFoundException
getListing org.apache.hadoop.hdfs.protocol.SnapshotException
getBlockLocations java.lang.IllegalArgumentException
mkdirs org.apache.hadoop.fs.FileAlreadyExistsException
mkdirs org.apache.hadoop.fs.ParentNotDirectoryException
truncate org.apache.hadoop.HadoopIllegalArgumentException
rename2 java.io.FileNotFoundException
concat java.io.FileNotFoundException
setQuota org.apache.hadoop.ipc.RpcNoSuchMethodException
disallowSnapshot org.apache.hadoop.ipc.RpcNoSuchMethodException
END
grep -v ' ok$' "$work/answers" | diff "$work/refused" - || fail "other calls are refused, or otherwise"
[ "$(wc -l <"$work/answers")" -ge 60 ] || fail "only $(wc -l <"$work/answers") answers"

# Each call that clients make, once, as captured while a real HDFS was asked: what it answered and what is answered here, an exception's class
# included, but for the calls below. No datanode was written to, and blocks have other numbers there: the first eight and what follows from them.
# The last two are in docs/protocol.md.
cat >"$work/others" <<'END'
updateBlockForPipeline java.io.IOException ok
updatePipeline java.io.IOException ok
complete java.io.IOException ok
concat java.io.FileNotFoundException ok
truncate org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException ok
complete java.io.FileNotFoundException ok
rename2 org.apache.hadoop.security.AccessControlException ok
delete ok org.apache.hadoop.fs.PathIsNotEmptyDirectoryException
setBalancerBandwidth java.lang.UnsupportedOperationException ok
getHAServiceState ok org.apache.hadoop.ha.ServiceFailedException
END
"$bdfs" cluster down --dir "$cluster" || fail "down"
cluster=$work/every
up --datanodes 3 --hadoop loopback --no-agents --min-block-size 1024
USER=$(id -un) "$build/tests/replay" "127.0.0.1:$(port namenode 0 hadoop)" every >"$work/answers" ||
        fail "an answer makes no sense: $(tail -1 "$work/answers")"
awk '$2 != $3' "$work/answers" | diff "$work/others" - || fail "other calls are answered otherwise"
alike=$(awk '$2 == $3 { print $1 }' "$work/answers" | sort -u | wc -l)
[ "$alike" -ge 60 ] || fail "only $alike calls are answered alike"
echo "$alike calls are answered as by a real HDFS"
