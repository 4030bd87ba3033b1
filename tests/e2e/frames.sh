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
