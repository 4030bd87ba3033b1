/*
 * EveryCall: each call of ClientProtocol that clients make, once and so that it goes well, for a capture between this program and a namenode.
 *
 *   EveryCall URI
 *
 * URI is a fresh file system of at least three datanodes, whose namenode has ACLs and extended attributes switched off.  What the stock client
 * library does by itself (creating, writing, flushing, closing) it is left to do; what only a failure would bring about is called below it.
 * Prints a line for each call that was answered otherwise than expected, and exits 1 then.
 */
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.crypto.CryptoProtocolVersion;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.XAttr;
import org.apache.hadoop.fs.XAttrSetFlag;
import org.apache.hadoop.fs.permission.AclEntry;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.NameNodeProxiesClient;
import org.apache.hadoop.hdfs.XAttrHelper;
import org.apache.hadoop.hdfs.client.HdfsDataOutputStream;
import org.apache.hadoop.hdfs.protocol.ClientProtocol;
import org.apache.hadoop.hdfs.protocol.DatanodeID;
import org.apache.hadoop.hdfs.protocol.DatanodeInfo;
import org.apache.hadoop.hdfs.protocol.ExtendedBlock;
import org.apache.hadoop.hdfs.protocol.HdfsConstants.DatanodeReportType;
import org.apache.hadoop.hdfs.protocol.HdfsConstants.RollingUpgradeAction;
import org.apache.hadoop.hdfs.protocol.HdfsConstants.SafeModeAction;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.apache.hadoop.hdfs.protocol.LocatedBlock;
import org.apache.hadoop.hdfs.protocol.LocatedBlocks;
import org.apache.hadoop.hdfs.protocol.OpenFilesIterator.OpenFilesType;
import org.apache.hadoop.io.EnumSetWritable;
import org.apache.hadoop.ipc.RemoteException;
import org.apache.hadoop.security.UserGroupInformation;

public final class EveryCall {
  interface Call {
    Object run() throws Exception;
  }

  static int odd;

  static <T> T good(String what, java.util.concurrent.Callable<T> c) throws Exception {
    try {
      return c.call();
    } catch (RemoteException e) {
      System.out.println(what + ": " + e.getClassName() + ": " + e.getMessage().split("\n")[0]);
      odd++;
      return null;
    }
  }

  static void refused(String what, String by, Call c) throws Exception {
    try {
      c.run();
      System.out.println(what + ": is answered");
      odd++;
    } catch (RemoteException e) {
      if (!e.getClassName().endsWith("." + by)) {
        System.out.println(what + ": " + e.getClassName());
        odd++;
      }
    }
  }

  static FsPermission mode(int bits) {
    return new FsPermission((short) bits);
  }

  static HdfsFileStatus create(ClientProtocol p, String src, String holder, int replication) throws IOException {
    return p.create(src, mode(0644), holder, new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE, CreateFlag.OVERWRITE), CreateFlag.class), true,
        (short) replication, 1 << 20,
        new CryptoProtocolVersion[] {CryptoProtocolVersion.ENCRYPTION_ZONES}, null, null);
  }

  static FSDataOutputStream open(DistributedFileSystem fs, String name, int replication) throws IOException {
    return fs.create(new Path(name), true, 4096, (short) replication, 1 << 20);
  }

  static void write(DistributedFileSystem fs, String name, int length, int replication) throws IOException {
    try (FSDataOutputStream o = open(fs, name, replication)) {
      o.write(new byte[length]);
    }
  }

  /** What a client calls when a pipeline breaks, on a file that it writes. */
  static void pipeline(ClientProtocol p) throws Exception {
    String src = "/every/pipeline", me = "every_call_1";
    HdfsFileStatus s = create(p, src, me, 2);
    LocatedBlock b = p.addBlock(src, me, null, null, s.getFileId(), null, null);
    good("abandonBlock", () -> {
      p.abandonBlock(b.getBlock(), s.getFileId(), src, me);
      return 0;
    });
    LocatedBlock c = p.addBlock(src, me, null, new DatanodeInfo[] {b.getLocations()[0]}, s.getFileId(), null, null);
    good("getAdditionalDatanode", () -> p.getAdditionalDatanode(src, s.getFileId(), c.getBlock(), new DatanodeInfo[] {c.getLocations()[0]},
        new String[] {c.getStorageIDs()[0]}, new DatanodeInfo[] {c.getLocations()[1]}, 1, me));
    LocatedBlock stamped = good("updateBlockForPipeline", () -> p.updateBlockForPipeline(c.getBlock(), me));
    good("updatePipeline", () -> {
      p.updatePipeline(me, c.getBlock(), stamped.getBlock(), new DatanodeID[] {c.getLocations()[0]}, new String[] {c.getStorageIDs()[0]});
      return 0;
    });
    good("fsync", () -> {
      p.fsync(src, s.getFileId(), me, 0);
      return 0;
    });
    good("listOpenFiles", () -> p.listOpenFiles(0, EnumSet.of(OpenFilesType.ALL_OPEN_FILES), "/every"));
    good("isFileClosed", () -> p.isFileClosed(src));
    good("renewLease", () -> {
      p.renewLease(me, Collections.emptyList());
      return 0;
    });
    good("recoverLease", () -> p.recoverLease(src, "every_call_2"));
  }

  /** What the client library calls by itself. */
  static void library(DistributedFileSystem fs) throws Exception {
    byte[] some = new byte[1500];
    FSDataOutputStream o = open(fs, "/every/written", 3);
    o.write(some);
    o.hflush();
    try (FSDataInputStream i = fs.open(new Path("/every/written"))) {
      i.readFully(0, new byte[1500]);
    }
    o.write(some);
    ((HdfsDataOutputStream) o).hsync(EnumSet.of(HdfsDataOutputStream.SyncFlag.UPDATE_LENGTH));
    o.close();
    write(fs, "/every/other", 1 << 20, 3);
    write(fs, "/every/tail", 700, 3);
    fs.getFileChecksum(new Path("/every/other"));
    fs.concat(new Path("/every/other"), new Path[] {new Path("/every/tail")});
    try (FSDataOutputStream a = fs.append(new Path("/every/other"))) {
      a.write(some);
    }
    fs.truncate(new Path("/every/written"), 1000);
  }

  /** Reads of the namespace, each of something that is there. */
  static void reads(DistributedFileSystem fs, ClientProtocol p) throws Exception {
    String f = "/every/other";
    good("getFileInfo", () -> p.getFileInfo(f));
    good("getFileLinkInfo", () -> p.getFileLinkInfo(f));
    good("getLocatedFileInfo", () -> p.getLocatedFileInfo(f, true));
    good("getListing", () -> p.getListing("/every", new byte[0], true));
    good("getBatchedListing", () -> p.getBatchedListing(new String[] {"/every", "/none"}, new byte[0], true));
    good("getBlockLocations", () -> p.getBlockLocations(f, 0, Long.MAX_VALUE));
    good("getContentSummary", () -> p.getContentSummary("/every"));
    good("getQuotaUsage", () -> p.getQuotaUsage("/every"));
    good("getPreferredBlockSize", () -> p.getPreferredBlockSize(f));
    good("isFileClosed", () -> p.isFileClosed(f));
    good("checkAccess", () -> {
      p.checkAccess(f, FsAction.READ);
      return 0;
    });
    good("getStoragePolicy", () -> p.getStoragePolicy(f));
    good("getStoragePolicies", () -> p.getStoragePolicies());
    good("getEnclosingRoot", () -> p.getEnclosingRoot(f));
    good("getServerDefaults", () -> p.getServerDefaults());
    refused("getLinkTarget", "IOException", () -> p.getLinkTarget(f));
    refused("createSymlink", "UnsupportedOperationException", () -> {
      p.createSymlink("/every/other", "/every/link", mode(0755), false);
      return 0;
    });
  }

  static void names(ClientProtocol p) throws Exception {
    String f = "/every/named";
    create(p, f, "every_call_1", 2);
    good("complete", () -> p.complete(f, "every_call_1", null, 0));
    good("mkdirs", () -> p.mkdirs("/every/a/b", mode(0750), true));
    good("setPermission", () -> {
      p.setPermission(f, mode(01600));
      return 0;
    });
    good("setOwner", () -> {
      p.setOwner(f, "somebody", "some");
      return 0;
    });
    good("setTimes", () -> {
      p.setTimes(f, -1, 1234567890123L);
      return 0;
    });
    good("setReplication", () -> p.setReplication(f, (short) 3));
    good("rename", () -> p.rename(f, "/every/a"));
    good("rename2", () -> {
      p.rename2("/every/a/named", "/every/a/b/named", Options.Rename.OVERWRITE);
      return 0;
    });
    refused("delete", "PathIsNotEmptyDirectoryException", () -> p.delete("/every/a", false));
    good("delete", () -> p.delete("/every/a", true));
  }

  static void bad(DistributedFileSystem fs, ClientProtocol p) throws Exception {
    write(fs, "/every/bad", 600, 1);
    LocatedBlocks l = p.getBlockLocations("/every/bad", 0, 600);
    good("reportBadBlocks", () -> {
      p.reportBadBlocks(new LocatedBlock[] {l.get(0)});
      return 0;
    });
    good("listCorruptFileBlocks", () -> p.listCorruptFileBlocks("/every", null));
  }

  static void admin(ClientProtocol p) throws Exception {
    good("getStats", () -> p.getStats());
    good("getReplicatedBlockStats", () -> p.getReplicatedBlockStats());
    good("getECBlockGroupStats", () -> p.getECBlockGroupStats());
    good("getDatanodeReport", () -> p.getDatanodeReport(DatanodeReportType.ALL));
    good("getDatanodeStorageReport", () -> p.getDatanodeStorageReport(DatanodeReportType.LIVE));
    good("getSlowDatanodeReport", () -> p.getSlowDatanodeReport());
    good("metaSave", () -> {
      p.metaSave("every.txt");
      return 0;
    });
    good("refreshNodes", () -> {
      p.refreshNodes();
      return 0;
    });
    good("finalizeUpgrade", () -> {
      p.finalizeUpgrade();
      return 0;
    });
    good("upgradeStatus", () -> p.upgradeStatus());
    good("rollingUpgrade", () -> p.rollingUpgrade(RollingUpgradeAction.QUERY));
    good("restoreFailedStorage", () -> p.restoreFailedStorage("check"));
    good("setBalancerBandwidth", () -> {
      p.setBalancerBandwidth(1 << 20);
      return 0;
    });
    good("rollEdits", () -> p.rollEdits());
    refused("getHAServiceState", "ServiceFailedException", () -> p.getHAServiceState()); // there is one namenode
    good("msync", () -> {
      p.msync();
      return 0;
    });
    good("setSafeMode", () -> p.setSafeMode(SafeModeAction.SAFEMODE_ENTER, false));
    refused("delete in safe mode", "SafeModeException", () -> p.delete("/every", true));
    good("saveNamespace", () -> p.saveNamespace(0, 0));
    good("setSafeMode", () -> p.setSafeMode(SafeModeAction.SAFEMODE_LEAVE, false));
  }

  /** What a namenode has a switch for, and the switch is off. */
  static void off(ClientProtocol p) throws Exception {
    AclEntry e = new AclEntry.Builder().setName("somebody").setPermission(FsAction.READ).setScope(org.apache.hadoop.fs.permission.AclEntryScope.ACCESS)
        .setType(org.apache.hadoop.fs.permission.AclEntryType.USER).build();
    XAttr x = XAttrHelper.buildXAttr("user.a", new byte[] {1});
    String f = "/every/other", acl = "AclException", io = "IOException";
    refused("getAclStatus", acl, () -> p.getAclStatus(f));
    refused("modifyAclEntries", acl, () -> {
      p.modifyAclEntries(f, Arrays.asList(e));
      return 0;
    });
    refused("removeAclEntries", acl, () -> {
      p.removeAclEntries(f, Arrays.asList(e));
      return 0;
    });
    refused("removeDefaultAcl", acl, () -> {
      p.removeDefaultAcl(f);
      return 0;
    });
    refused("removeAcl", acl, () -> {
      p.removeAcl(f);
      return 0;
    });
    refused("setAcl", acl, () -> {
      p.setAcl(f, Arrays.asList(e));
      return 0;
    });
    refused("setXAttr", io, () -> {
      p.setXAttr(f, x, EnumSet.of(XAttrSetFlag.CREATE));
      return 0;
    });
    refused("getXAttrs", io, () -> p.getXAttrs(f, Arrays.asList(x)));
    refused("listXAttrs", io, () -> p.listXAttrs(f));
    refused("removeXAttr", io, () -> {
      p.removeXAttr(f, x);
      return 0;
    });
    good("getDelegationToken", () -> p.getDelegationToken(new org.apache.hadoop.io.Text("somebody")));
    good("getDataEncryptionKey", () -> p.getDataEncryptionKey());
    good("getEZForPath", () -> p.getEZForPath(f));
    good("getErasureCodingPolicy", () -> p.getErasureCodingPolicy(f));
  }

  public static void main(String[] args) throws Exception {
    URI uri = URI.create(args[0]);
    Configuration conf = new Configuration();
    conf.setInt("ipc.client.connect.max.retries", 0);
    ClientProtocol p = NameNodeProxiesClient.createNonHAProxyWithClientProtocol(new InetSocketAddress(uri.getHost(), uri.getPort()), conf,
        UserGroupInformation.getLoginUser(), false, new AtomicBoolean());
    DistributedFileSystem fs = (DistributedFileSystem) org.apache.hadoop.fs.FileSystem.newInstance(uri, conf);
    p.mkdirs("/every", mode(0755), true);
    pipeline(p);
    library(fs);
    reads(fs, p);
    names(p);
    bad(fs, p);
    off(p);
    admin(p);
    fs.close();
    System.out.println("every call: " + odd + " answered otherwise than expected");
    System.exit(odd == 0 ? 0 : 1);
  }
}
