/*
 * Oracle: what a namenode answers to requests that it should refuse, one by one.
 *
 *   Oracle URI OWNER OTHER [SECTION...]
 *
 * URI is a fresh file system; OWNER and OTHER are two users of the host that are not superusers and share a group; this process is the
 * superuser.  Every case calls ClientProtocol itself, below the client library, so that what is printed is what was on the wire: the
 * class and the first line of the message of the remote exception, or the answer.  Run on two servers, the outputs can be compared by diff.
 */
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.crypto.CryptoProtocolVersion;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.XAttr;
import org.apache.hadoop.fs.XAttrSetFlag;
import org.apache.hadoop.fs.permission.AclEntry;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.NameNodeProxiesClient;
import org.apache.hadoop.hdfs.XAttrHelper;
import org.apache.hadoop.hdfs.protocol.ClientProtocol;
import org.apache.hadoop.hdfs.protocol.DatanodeID;
import org.apache.hadoop.hdfs.protocol.DatanodeInfo;
import org.apache.hadoop.hdfs.protocol.ExtendedBlock;
import org.apache.hadoop.hdfs.protocol.HdfsConstants;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.apache.hadoop.hdfs.protocol.LastBlockWithStatus;
import org.apache.hadoop.hdfs.protocol.LocatedBlock;
import org.apache.hadoop.hdfs.protocol.LocatedBlocks;
import org.apache.hadoop.io.EnumSetWritable;
import org.apache.hadoop.ipc.RemoteException;
import org.apache.hadoop.security.UserGroupInformation;

public final class Oracle {
  interface Call {
    Object run() throws Exception;
  }

  static Configuration conf;
  static URI uri;
  static String ownerName, otherName;
  static Set<String> only = new HashSet<>();
  static boolean enabled = true;

  static ClientProtocol proxy(UserGroupInformation ugi) throws Exception {
    return ugi.doAs((PrivilegedExceptionAction<ClientProtocol>) () -> NameNodeProxiesClient.createNonHAProxyWithClientProtocol(
        new InetSocketAddress(uri.getHost(), uri.getPort()), conf, ugi, false, new AtomicBoolean()));
  }

  static FileSystem fs(UserGroupInformation ugi) throws Exception {
    return ugi.doAs((PrivilegedExceptionAction<FileSystem>) () -> FileSystem.newInstance(uri, conf));
  }

  static void section(String name) {
    enabled = only.isEmpty() || only.contains(name);
    if (enabled) {
      System.out.println();
      System.out.println("== " + name);
    }
  }

  static String first(String message) {
    if (message == null) {
      return "(null)";
    }
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end) + (end + 1 == message.length() || message.startsWith("\tat ", end + 1) ? "" : "  [more lines: "
        + message.substring(end + 1).split("\n\tat ")[0].replace("\n", " | ") + "]");
  }

  static String show(Object o) {
    if (o == null) {
      return "(null)";
    }
    if (o instanceof HdfsFileStatus) {
      HdfsFileStatus s = (HdfsFileStatus) o;
      return "status{" + (s.isDirectory() ? "dir" : s.isSymlink() ? "link" : "file") + " local='" + s.getLocalName() + "' len=" + s.getLen() + " repl="
          + s.getReplication() + " bs=" + s.getBlockSize() + " " + s.getPermission() + " " + s.getOwner() + ":" + s.getGroup() + " children="
          + s.getChildrenNum() + " policy=" + s.getStoragePolicy() + "}";
    }
    if (o instanceof LocatedBlocks) {
      LocatedBlocks b = (LocatedBlocks) o;
      StringBuilder s = new StringBuilder("blocks{len=" + b.getFileLength() + " uc=" + b.isUnderConstruction() + " lastComplete=" + b.isLastBlockComplete()
          + " last=" + (b.getLastLocatedBlock() == null ? "absent" : "" + b.getLastLocatedBlock().getBlockSize()) + " [");
      for (LocatedBlock l : b.getLocatedBlocks()) {
        s.append(' ').append(l.getStartOffset()).append('+').append(l.getBlockSize());
      }
      return s.append(" ]}").toString();
    }
    if (o instanceof LastBlockWithStatus) {
      LastBlockWithStatus l = (LastBlockWithStatus) o;
      return "append{block=" + (l.getLastBlock() == null ? "absent" : l.getLastBlock().getBlockSize() + " locs " + l.getLastBlock().getLocations().length)
          + " " + show(l.getFileStatus()) + "}";
    }
    if (o instanceof LocatedBlock) {
      LocatedBlock l = (LocatedBlock) o;
      return "block{offset=" + l.getStartOffset() + " size=" + l.getBlockSize() + " locs=" + l.getLocations().length + "}";
    }
    if (o instanceof Object[]) {
      List<String> all = new ArrayList<>();
      for (Object x : (Object[]) o) {
        all.add(show(x));
      }
      return all.toString();
    }
    return o.toString();
  }

  static void t(String what, Call c) {
    if (!enabled) {
      return;
    }
    try {
      Object r = c.run();
      System.out.println("- " + what + "\n    answers " + show(r));
    } catch (RemoteException e) {
      System.out.println("- " + what + "\n    " + e.getClassName() + "\n    " + first(e.getMessage()) + "\n    (code " + e.getErrorCode() + ")");
    } catch (Exception e) {
      System.out.println("- " + what + "\n    not remote: " + e.getClass().getName() + "\n    " + first(e.getMessage()));
    }
  }

  /** Makes something that later cases need; a failure here is the program's, not an answer. */
  static void prep(Call c) throws Exception {
    if (enabled) {
      c.run();
    }
  }

  static FsPermission mode(int bits) {
    return new FsPermission((short) bits);
  }

  static final CryptoProtocolVersion[] CRYPTO = {CryptoProtocolVersion.ENCRYPTION_ZONES};

  static HdfsFileStatus create(ClientProtocol p, String src, String holder, boolean parents, int repl, long bs, CreateFlag... flags) throws IOException {
    return p.create(src, mode(0644), holder, new EnumSetWritable<>(EnumSet.copyOf(Arrays.asList(flags)), CreateFlag.class), parents, (short) repl, bs, CRYPTO,
        null, null);
  }

  static LastBlockWithStatus append(ClientProtocol p, String src, String holder, CreateFlag... more) throws IOException {
    EnumSet<CreateFlag> f = EnumSet.of(CreateFlag.APPEND);
    f.addAll(Arrays.asList(more));
    return p.append(src, holder, new EnumSetWritable<>(f, CreateFlag.class));
  }

  static void file(FileSystem f, String name, int length, int blockSize, int perm) throws Exception {
    Path p = new Path(name);
    try (OutputStream o = f.create(p, mode(0644), EnumSet.of(CreateFlag.CREATE, CreateFlag.OVERWRITE), 4096, (short) 2, blockSize, null)) {
      o.write(new byte[length]);
    }
    f.setPermission(p, mode(perm));
  }

  static void dir(FileSystem f, String name, int perm) throws Exception {
    f.mkdirs(new Path(name));
    f.setPermission(new Path(name), mode(perm));
  }

  /** The entries of A in the sticky directory /o/sticky, as they were. */
  static void sticky(FileSystem fs, FileSystem fa) throws Exception {
    fs.delete(new Path("/o/sticky/af"), true);
    fs.delete(new Path("/o/sticky/ad"), true);
    file(fa, "/o/sticky/af", 10, 1024, 0666);
    dir(fa, "/o/sticky/ad", 0777);
    file(fa, "/o/sticky/ad/f", 10, 1024, 0666);
    dir(fa, "/o/sticky/ae", 0777);
  }

  /** Which times of which paths an operation sets: each is given the times 1000 and 2000 first. */
  static void times(String what, FileSystem fs, String[] paths, Call c) throws Exception {
    if (!enabled) {
      return;
    }
    for (String p : paths) {
      if (fs.exists(new Path(p))) {
        fs.setTimes(new Path(p), 1000, 2000);
      }
    }
    c.run();
    StringBuilder b = new StringBuilder("- ").append(what).append("\n   ");
    for (String p : paths) {
      if (!fs.exists(new Path(p))) {
        b.append(' ').append(p).append(": gone;");
        continue;
      }
      long m = fs.getFileStatus(new Path(p)).getModificationTime(), a = fs.getFileStatus(new Path(p)).getAccessTime();
      b.append(' ').append(p).append(": mtime ").append(m == 1000 ? "kept" : m == 0 ? "0" : "set").append(", atime ")
          .append(a == 2000 ? "kept" : a == 0 ? "0" : "set").append(m == a ? " (the same)" : "").append(';');
    }
    System.out.println(b);
  }

  public static void main(String[] args) throws Exception {
    conf = new Configuration();
    conf.setBoolean("fs.hdfs.impl.disable.cache", true);
    conf.setInt("ipc.client.connect.max.retries", 0);
    uri = URI.create(args[0]);
    ownerName = args[1];
    otherName = args[2];
    only.addAll(Arrays.asList(args).subList(3, args.length));
    UserGroupInformation root = UserGroupInformation.getLoginUser();
    UserGroupInformation owner = UserGroupInformation.createRemoteUser(ownerName), other = UserGroupInformation.createRemoteUser(otherName);
    ClientProtocol S = proxy(root), A = proxy(owner), B = proxy(other);
    FileSystem fs = fs(root), fa = fs(owner), fb = fs(other);
    System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
    System.out.println("superuser " + root.getShortUserName() + ", owner A " + ownerName + ", other user B " + otherName);

    dir(fs, "/o", 0777);
    file(fa, "/o/f", 3000, 1024, 0644);
    file(fa, "/o/e", 0, 1024, 0644);
    file(fa, "/o/private", 100, 1024, 0600);
    dir(fa, "/o/d", 0755);
    dir(fa, "/o/d/sub", 0755);
    file(fa, "/o/d/x", 10, 1024, 0644);
    dir(fa, "/o/ed", 0755);
    dir(fa, "/o/locked", 0700);
    dir(fa, "/o/locked/ind", 0777);
    file(fa, "/o/locked/in", 10, 1024, 0666);
    dir(fa, "/o/nox", 0755);
    file(fa, "/o/nox/in", 10, 1024, 0666);
    fa.setPermission(new Path("/o/nox"), mode(0644));
    dir(fa, "/o/shut", 0755);
    file(fa, "/o/shut/in", 10, 1024, 0666);
    fa.setPermission(new Path("/o/shut"), mode(0000));
    dir(fs, "/o/sticky", 01777);
    sticky(fs, fa);
    dir(fb, "/o/sticky/bd", 0777);
    dir(fa, "/o/tree", 0777);
    dir(fa, "/o/tree/open", 0777);
    dir(fa, "/o/tree/open/priv", 0700);
    dir(fa, "/o/tree/open/priv/emptyp", 0700);
    file(fa, "/o/tree/open/priv/f", 10, 1024, 0600);
    dir(fa, "/o/tree2", 0777);
    dir(fa, "/o/tree2/priv", 0700);

    section("getFileInfo");
    t("missing", () -> A.getFileInfo("/o/none"));
    t("missing parent", () -> A.getFileInfo("/o/none/x"));
    t("parent is a file", () -> A.getFileInfo("/o/f/x"));
    t("grandparent is a file", () -> A.getFileInfo("/o/f/x/y"));
    t("root", () -> A.getFileInfo("/"));
    t("file", () -> A.getFileInfo("/o/f"));
    t("directory", () -> A.getFileInfo("/o/d"));
    t("directory with a slash at its end", () -> A.getFileInfo("/o/d/"));
    t("file with a slash at its end", () -> A.getFileInfo("/o/f/"));
    t("double slash", () -> A.getFileInfo("/o//f"));
    t("relative", () -> A.getFileInfo("o/f"));
    t("empty", () -> A.getFileInfo(""));
    t("component ..", () -> A.getFileInfo("/o/../o/f"));
    t("component .", () -> A.getFileInfo("/o/./f"));
    t("component with colon", () -> A.getFileInfo("/o/a:b"));
    t("NUL inside", () -> A.getFileInfo("/o/a\0b"));
    t("B: in a 0700 directory", () -> B.getFileInfo("/o/locked/in"));
    t("B: missing in a 0700 directory", () -> B.getFileInfo("/o/locked/none"));
    t("B: the 0700 directory itself", () -> B.getFileInfo("/o/locked"));
    t("A: in an own directory without x (0644)", () -> A.getFileInfo("/o/nox/in"));
    t("B: in A's directory without x (0644)", () -> B.getFileInfo("/o/nox/in"));
    t("B: in a 0000 directory", () -> B.getFileInfo("/o/shut/in"));
    t("A: in an own 0000 directory", () -> A.getFileInfo("/o/shut/in"));
    t("superuser: in a 0000 directory", () -> S.getFileInfo("/o/shut/in"));
    t("B: below a file that is in a 0700 directory", () -> B.getFileInfo("/o/locked/in/x"));
    t("/.reserved", () -> S.getFileInfo("/.reserved"));
    t("/.reserved/.inodes", () -> S.getFileInfo("/.reserved/.inodes"));
    t("/.reserved/raw", () -> S.getFileInfo("/.reserved/raw"));
    t("/.reserved/raw/o/f", () -> S.getFileInfo("/.reserved/raw/o/f"));
    t("A: /.reserved/raw/o/f", () -> A.getFileInfo("/.reserved/raw/o/f"));
    t("/.reserved/other", () -> S.getFileInfo("/.reserved/other"));
    t("/.reserved/.inodes/<root>", () -> S.getFileInfo("/.reserved/.inodes/16385"));
    t("/.reserved/.inodes/<root>/o/f", () -> S.getFileInfo("/.reserved/.inodes/16385/o/f"));
    t("/.reserved/.inodes/999999999", () -> S.getFileInfo("/.reserved/.inodes/999999999"));
    t("/.reserved/.inodes/999999999/x", () -> S.getFileInfo("/.reserved/.inodes/999999999/x"));
    t("/.reserved/.inodes/abc", () -> S.getFileInfo("/.reserved/.inodes/abc"));
    t("/.reserved/.inodes/<root>/o/..", () -> S.getFileInfo("/.reserved/.inodes/16385/.."));
    t("/o/.snapshot of a directory without snapshots", () -> S.getFileInfo("/o/.snapshot"));
    t("/o/.snapshot/s1", () -> S.getFileInfo("/o/.snapshot/s1"));

    section("getFileLinkInfo");
    t("missing", () -> A.getFileLinkInfo("/o/none"));
    t("file", () -> A.getFileLinkInfo("/o/f"));
    t("B: in a 0700 directory", () -> B.getFileLinkInfo("/o/locked/in"));
    t("relative", () -> A.getFileLinkInfo("o/f"));
    t("parent is a file", () -> A.getFileLinkInfo("/o/f/x"));

    section("getLocatedFileInfo");
    t("missing", () -> A.getLocatedFileInfo("/o/none", false));
    t("directory", () -> A.getLocatedFileInfo("/o/d", false));
    t("file", () -> A.getLocatedFileInfo("/o/f", false));
    t("B: file without read permission", () -> B.getLocatedFileInfo("/o/private", false));
    t("B: in a 0700 directory", () -> B.getLocatedFileInfo("/o/locked/in", false));
    t("relative", () -> A.getLocatedFileInfo("o/f", false));

    section("isFileClosed");
    t("missing", () -> A.isFileClosed("/o/none"));
    t("directory", () -> A.isFileClosed("/o/d"));
    t("closed file", () -> A.isFileClosed("/o/f"));
    t("B: in a 0700 directory", () -> B.isFileClosed("/o/locked/in"));
    t("parent is a file", () -> A.isFileClosed("/o/f/x"));
    t("relative", () -> A.isFileClosed("o/f"));

    section("getListing");
    t("missing", () -> A.getListing("/o/none", new byte[0], false));
    t("missing, parent is a file", () -> A.getListing("/o/f/x", new byte[0], false));
    t("of a file: entries", () -> show(A.getListing("/o/f", new byte[0], false).getPartialListing()) + " remaining "
        + A.getListing("/o/f", new byte[0], false).getRemainingEntries());
    t("of a file, startAfter set: entries", () -> show(A.getListing("/o/f", "zzz".getBytes(), false).getPartialListing()));
    t("of an empty directory: entries", () -> show(A.getListing("/o/ed", new byte[0], false).getPartialListing()));
    t("startAfter past the end: entries", () -> show(A.getListing("/o", "zzz".getBytes(), false).getPartialListing()));
    t("startAfter a name that is not there: entries", () -> show(A.getListing("/o/d", "t".getBytes(), false).getPartialListing()));
    t("B: directory without r (0700)", () -> B.getListing("/o/locked", new byte[0], false));
    t("B: below a 0700 directory", () -> B.getListing("/o/locked/ind", new byte[0], false));
    t("A: own directory with r, without x (0644)", () -> A.getListing("/o/nox", new byte[0], false));
    t("B: directory with r, without x (0644)", () -> B.getListing("/o/nox", new byte[0], false));
    t("B: directory 0000", () -> B.getListing("/o/shut", new byte[0], false));
    t("superuser: directory 0000, entries", () -> show(S.getListing("/o/shut", new byte[0], false).getPartialListing()));
    t("B: a file that B may not read: entries", () -> show(B.getListing("/o/private", new byte[0], false).getPartialListing()));
    t("relative", () -> A.getListing("o", new byte[0], false));
    t("empty path", () -> A.getListing("", new byte[0], false));
    t("/.reserved", () -> show(S.getListing("/.reserved", new byte[0], false).getPartialListing()));
    t("/.reserved/.inodes", () -> S.getListing("/.reserved/.inodes", new byte[0], false));
    t("startAfter /.reserved/.inodes/999999", () -> S.getListing("/o", "/.reserved/.inodes/999999".getBytes(), false));
    t("startAfter not of UTF-8: entries", () -> show(S.getListing("/o/d", new byte[] {(byte) 0xff}, false).getPartialListing()));
    t("/o/.snapshot", () -> S.getListing("/o/.snapshot", new byte[0], false));

    section("getBatchedListing");
    t("missing and present", () -> S.getBatchedListing(new String[] {"/o/none", "/o/ed"}, new byte[0], false).getListings().length);
    t("no path", () -> S.getBatchedListing(new String[] {}, new byte[0], false).getListings().length);

    section("getBlockLocations");
    t("missing", () -> A.getBlockLocations("/o/none", 0, 10));
    t("missing parent", () -> A.getBlockLocations("/o/none/x", 0, 10));
    t("directory", () -> A.getBlockLocations("/o/d", 0, 10));
    t("root", () -> A.getBlockLocations("/", 0, 10));
    t("parent is a file", () -> A.getBlockLocations("/o/f/x", 0, 10));
    t("grandparent is a file", () -> A.getBlockLocations("/o/f/x/y", 0, 10));
    t("B: no r", () -> B.getBlockLocations("/o/private", 0, 10));
    t("B: no x on parent", () -> B.getBlockLocations("/o/locked/in", 0, 10));
    t("B: missing, no x on parent", () -> B.getBlockLocations("/o/locked/none", 0, 10));
    t("negative offset", () -> A.getBlockLocations("/o/f", -1, 10));
    t("negative length", () -> A.getBlockLocations("/o/f", 0, -1));
    t("offset at the end", () -> A.getBlockLocations("/o/f", 3000, 10));
    t("offset past the end", () -> A.getBlockLocations("/o/f", 30000, 10));
    t("length 0", () -> A.getBlockLocations("/o/f", 0, 0));
    t("offset 1024, length 1", () -> A.getBlockLocations("/o/f", 1024, 1));
    t("offset 1023, length 2", () -> A.getBlockLocations("/o/f", 1023, 2));
    t("offset + length overflow", () -> A.getBlockLocations("/o/f", 10, Long.MAX_VALUE));
    t("empty file", () -> A.getBlockLocations("/o/e", 0, 10));
    t("empty file, negative offset", () -> A.getBlockLocations("/o/e", -1, 10));
    t("relative", () -> A.getBlockLocations("o/f", 0, 10));
    t("component with colon", () -> A.getBlockLocations("/o/a:b", 0, 10));

    section("getContentSummary");
    t("missing", () -> A.getContentSummary("/o/none"));
    t("missing parent", () -> A.getContentSummary("/o/none/x"));
    t("parent is a file", () -> A.getContentSummary("/o/f/x"));
    t("file", () -> A.getContentSummary("/o/f").toString().trim());
    t("directory", () -> A.getContentSummary("/o/d").toString().trim());
    t("B: file that B may not read", () -> B.getContentSummary("/o/private").toString().trim());
    t("B: directory 0700", () -> B.getContentSummary("/o/locked"));
    t("B: a 0700 directory deeper", () -> B.getContentSummary("/o/tree"));
    t("B: an empty 0700 directory deeper", () -> B.getContentSummary("/o/tree2"));
    t("A: own directory with r, without x (0644)", () -> A.getContentSummary("/o/nox"));
    t("B: no x on parent", () -> B.getContentSummary("/o/locked/in"));
    t("superuser: all of it", () -> S.getContentSummary("/o").toString().trim());
    t("relative", () -> A.getContentSummary("o"));

    section("getQuotaUsage");
    t("missing", () -> A.getQuotaUsage("/o/none"));
    t("file", () -> A.getQuotaUsage("/o/f").toString().trim());
    t("directory without quota", () -> A.getQuotaUsage("/o/d").toString().trim());
    t("B: directory 0700", () -> B.getQuotaUsage("/o/locked"));
    t("B: a 0700 directory deeper", () -> B.getQuotaUsage("/o/tree"));

    section("getPreferredBlockSize");
    t("missing", () -> A.getPreferredBlockSize("/o/none"));
    t("directory", () -> A.getPreferredBlockSize("/o/d"));
    t("file", () -> A.getPreferredBlockSize("/o/f"));
    t("B: no x on parent", () -> B.getPreferredBlockSize("/o/locked/in"));
    t("parent is a file", () -> B.getPreferredBlockSize("/o/f/x"));
    t("relative", () -> A.getPreferredBlockSize("o/f"));

    section("checkAccess");
    t("missing", () -> { A.checkAccess("/o/none", FsAction.READ); return "nothing"; });
    t("missing parent", () -> { A.checkAccess("/o/none/x", FsAction.READ); return "nothing"; });
    t("parent is a file", () -> { A.checkAccess("/o/f/x", FsAction.READ); return "nothing"; });
    t("own file, read", () -> { A.checkAccess("/o/f", FsAction.READ); return "nothing"; });
    t("own file, execute (0644)", () -> { A.checkAccess("/o/f", FsAction.EXECUTE); return "nothing"; });
    t("B: write (0644)", () -> { B.checkAccess("/o/f", FsAction.WRITE); return "nothing"; });
    t("B: read-write (0644)", () -> { B.checkAccess("/o/f", FsAction.READ_WRITE); return "nothing"; });
    t("B: all (0644)", () -> { B.checkAccess("/o/f", FsAction.ALL); return "nothing"; });
    t("B: read-execute on directory 0700", () -> { B.checkAccess("/o/locked", FsAction.READ_EXECUTE); return "nothing"; });
    t("B: write-execute on directory 0755", () -> { B.checkAccess("/o/d", FsAction.WRITE_EXECUTE); return "nothing"; });
    t("B: none on directory 0700", () -> { B.checkAccess("/o/locked", FsAction.NONE); return "nothing"; });
    t("B: in a directory 0700", () -> { B.checkAccess("/o/locked/in", FsAction.READ); return "nothing"; });
    t("B: none in a directory 0700", () -> { B.checkAccess("/o/locked/in", FsAction.NONE); return "nothing"; });
    t("superuser: execute on a file 0644", () -> { S.checkAccess("/o/f", FsAction.EXECUTE); return "nothing"; });
    t("superuser: missing", () -> { S.checkAccess("/o/none", FsAction.READ); return "nothing"; });
    t("relative", () -> { A.checkAccess("o/f", FsAction.READ); return "nothing"; });
    t("root, write by A", () -> { A.checkAccess("/", FsAction.WRITE); return "nothing"; });

    section("mkdirs");
    t("existing directory", () -> A.mkdirs("/o/d", mode(0755), true));
    t("existing directory, no createParent", () -> A.mkdirs("/o/d", mode(0755), false));
    t("B: existing directory of A", () -> B.mkdirs("/o/d", mode(0755), true));
    t("root", () -> A.mkdirs("/", mode(0755), true));
    t("over a file", () -> A.mkdirs("/o/f", mode(0755), true));
    t("below a file", () -> A.mkdirs("/o/f/x", mode(0755), true));
    t("two below a file", () -> A.mkdirs("/o/f/x/y", mode(0755), true));
    t("below a file, no createParent", () -> A.mkdirs("/o/f/x", mode(0755), false));
    t("two below a file, no createParent", () -> A.mkdirs("/o/f/x/y", mode(0755), false));
    t("missing parent, no createParent", () -> A.mkdirs("/o/none/x", mode(0755), false));
    t("missing grandparent, no createParent", () -> A.mkdirs("/o/none/x/y", mode(0755), false));
    t("B: parent without w", () -> B.mkdirs("/o/d/new", mode(0755), true));
    t("B: grandparent without w", () -> B.mkdirs("/o/d/new/new2", mode(0755), true));
    t("B: missing parent, ancestor without w, no createParent", () -> B.mkdirs("/o/d/new/new2", mode(0755), false));
    t("B: in a directory 0700", () -> B.mkdirs("/o/locked/new", mode(0755), true));
    t("B: existing directory in a directory 0700", () -> B.mkdirs("/o/locked/ind", mode(0755), true));
    t("B: below a file that is in a directory 0700", () -> B.mkdirs("/o/locked/in/new", mode(0755), true));
    t("B: below a file, ancestor without w", () -> B.mkdirs("/o/d/x/new", mode(0755), true));
    t("B: over a file, parent without w", () -> B.mkdirs("/o/d/x", mode(0755), true));
    t("A: in the root", () -> A.mkdirs("/new", mode(0755), true));
    t("relative", () -> A.mkdirs("o/new", mode(0755), true));
    t("empty", () -> A.mkdirs("", mode(0755), true));
    t("component ..", () -> A.mkdirs("/o/../new", mode(0755), true));
    t("component .", () -> A.mkdirs("/o/./new", mode(0755), true));
    t("component with colon", () -> A.mkdirs("/o/a:b", mode(0755), true));
    t("double slash", () -> A.mkdirs("/o//newdouble", mode(0755), true));
    t("slash at its end", () -> A.mkdirs("/o/newslash/", mode(0755), true));
    t("mode 07777", () -> { A.mkdirs("/o/new7", mode(07777), true); return A.getFileInfo("/o/new7"); });
    t("mode 0000 with a missing parent", () -> { A.mkdirs("/o/new0/deep", mode(0), true); return show(A.getFileInfo("/o/new0")) + " " + show(S.getFileInfo("/o/new0/deep")); });
    t("/.reserved/x", () -> S.mkdirs("/.reserved/x", mode(0755), true));
    t("/.reserved", () -> S.mkdirs("/.reserved", mode(0755), true));
    t("/.reserved/raw/x", () -> S.mkdirs("/.reserved/raw/x", mode(0755), true));
    t("/o/.snapshot", () -> A.mkdirs("/o/.snapshot", mode(0755), true));
    t("/o/.snapshot/x", () -> A.mkdirs("/o/.snapshot/x", mode(0755), true));
    t("component of 255 bytes", () -> A.mkdirs("/o/" + "n".repeat(255), mode(0755), true));
    t("component of 256 bytes", () -> A.mkdirs("/o/" + "n".repeat(256), mode(0755), true));
    t("missing component of 256 bytes on the way", () -> A.mkdirs("/o/" + "m".repeat(256) + "/x", mode(0755), true));
    t("path of 8001 characters", () -> A.mkdirs("/o" + "/nnnnnnn".repeat(1000).substring(0, 7999), mode(0755), true));
    t("1001 components", () -> A.mkdirs("/a".repeat(1001), mode(0755), true));
    t("1000 components, B: no w", () -> B.mkdirs("/a".repeat(1000), mode(0755), true));
    t("not normalised unicode", () -> A.mkdirs("/o/e\u0301 \u4e2d", mode(0755), true));

    section("create");
    t("existing file", () -> create(A, "/o/f", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("B: existing file of A, no w", () -> create(B, "/o/f", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("B: existing file of A, no w, OVERWRITE", () -> create(B, "/o/f", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("B: existing file of A in A's directory, OVERWRITE", () -> create(B, "/o/d/x", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("B: sticky directory, A's file 0666, OVERWRITE", () -> create(B, "/o/sticky/af", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("over a directory", () -> create(A, "/o/d", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("over a directory, OVERWRITE", () -> create(A, "/o/d", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("B: over a directory 0700", () -> create(B, "/o/locked", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("over the root", () -> create(A, "/", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("superuser: over the root", () -> create(S, "/", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("OVERWRITE only, missing", () -> create(A, "/o/none", "c0", true, 2, 1024, CreateFlag.OVERWRITE));
    t("OVERWRITE only, missing parent", () -> create(A, "/o/none/x", "c0", true, 2, 1024, CreateFlag.OVERWRITE));
    t("OVERWRITE only, missing, B: no w on parent", () -> create(B, "/o/d/none", "c0", true, 2, 1024, CreateFlag.OVERWRITE));
    t("missing parent, no createParent", () -> create(A, "/o/none/x", "c0", false, 2, 1024, CreateFlag.CREATE));
    t("missing grandparent, no createParent", () -> create(A, "/o/none/x/y", "c0", false, 2, 1024, CreateFlag.CREATE));
    t("below a file", () -> create(A, "/o/f/x", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("two below a file", () -> create(A, "/o/f/x/y", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("below a file, no createParent", () -> create(A, "/o/f/x", "c0", false, 2, 1024, CreateFlag.CREATE));
    t("two below a file, no createParent", () -> create(A, "/o/f/x/y", "c0", false, 2, 1024, CreateFlag.CREATE));
    t("B: parent without w", () -> create(B, "/o/d/new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("B: missing parent, ancestor without w", () -> create(B, "/o/d/new/new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("B: missing parent, ancestor without w, no createParent", () -> create(B, "/o/d/new/new", "c0", false, 2, 1024, CreateFlag.CREATE));
    t("B: in a directory 0700", () -> create(B, "/o/locked/new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("B: existing in a directory 0700", () -> create(B, "/o/locked/in", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("A: in the root", () -> create(A, "/new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("block size 1023 (minimum 1024)", () -> create(A, "/o/bs", "c0", true, 2, 1023, CreateFlag.CREATE));
    t("block size 512 (minimum 1024)", () -> create(A, "/o/bs", "c0", true, 2, 512, CreateFlag.CREATE));
    t("block size 0", () -> create(A, "/o/bs", "c0", true, 2, 0, CreateFlag.CREATE));
    t("block size -1", () -> create(A, "/o/bs", "c0", true, 2, -1, CreateFlag.CREATE));
    t("block size 512, over a directory", () -> create(A, "/o/d", "c0", true, 2, 512, CreateFlag.CREATE));
    t("block size 512, B: parent without w", () -> create(B, "/o/d/new", "c0", true, 2, 512, CreateFlag.CREATE));
    t("block size 1100 (not a multiple of 512)", () -> { Object r = create(A, "/o/bs1100", "c9", true, 2, 1100, CreateFlag.CREATE); A.complete("/o/bs1100", "c9", null, 0); return r; });
    t("replication 0", () -> create(A, "/o/r0", "c0", true, 0, 1024, CreateFlag.CREATE));
    t("replication -1", () -> create(A, "/o/r0", "c0", true, -1, 1024, CreateFlag.CREATE));
    t("replication 513 (maximum 512)", () -> create(A, "/o/r0", "c0", true, 513, 1024, CreateFlag.CREATE));
    t("replication 513, existing file", () -> create(A, "/o/f", "c0", true, 513, 1024, CreateFlag.CREATE));
    t("replication 512", () -> { Object r = create(A, "/o/r512", "c9", true, 512, 1024, CreateFlag.CREATE); A.complete("/o/r512", "c9", null, 0); return r; });
    t("CREATE and APPEND", () -> create(A, "/o/capp", "c0", true, 2, 1024, CreateFlag.CREATE, CreateFlag.APPEND));
    t("OVERWRITE and APPEND", () -> create(A, "/o/capp", "c0", true, 2, 1024, CreateFlag.OVERWRITE, CreateFlag.APPEND));
    t("no flag of its own (SYNC_BLOCK only), missing", () -> create(A, "/o/capp2", "c0", true, 2, 1024, CreateFlag.SYNC_BLOCK));
    t("SYNC_BLOCK only, existing", () -> create(A, "/o/f", "c0", true, 2, 1024, CreateFlag.SYNC_BLOCK));
    t("LAZY_PERSIST, replication 1", () -> { Object r = create(A, "/o/lazy", "c9", true, 1, 1024, CreateFlag.CREATE, CreateFlag.LAZY_PERSIST); A.complete("/o/lazy", "c9", null, 0); return r; });
    t("SHOULD_REPLICATE", () -> { Object r = create(A, "/o/should", "c9", true, 1, 1024, CreateFlag.CREATE, CreateFlag.SHOULD_REPLICATE); A.complete("/o/should", "c9", null, 0); return r; });
    t("SHOULD_REPLICATE with an erasure policy", () -> A.create("/o/shouldec", mode(0644), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE, CreateFlag.SHOULD_REPLICATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, "RS-3-2-1024k", null));
    t("erasure policy that is not enabled", () -> A.create("/o/shouldec", mode(0644), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, "RS-3-2-1024k", null));
    t("erasure policy that does not exist", () -> A.create("/o/shouldec", mode(0644), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, "nope", null));
    t("storage policy that does not exist", () -> A.create("/o/sp", mode(0644), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, null, "nope"));
    t("storage policy COLD", () -> { Object r = A.create("/o/spcold", mode(0644), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, null, "COLD"); A.complete("/o/spcold", "c9", null, 0); return r; });
    t("mode 07777", () -> { Object r = A.create("/o/c7777", mode(07777), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, null, null); A.complete("/o/c7777", "c9", null, 0); return r; });
    t("empty client name", () -> { Object r = create(A, "/o/noname", "", true, 2, 1024, CreateFlag.CREATE); A.complete("/o/noname", "", null, 0); return r; });
    t("missing parents are made with which modes (B, 0640)", () -> { B.create("/o/mp/q/f", mode(0640), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, null, null); B.complete("/o/mp/q/f", "c9", null, 0); return show(B.getFileInfo("/o/mp")) + " " + show(B.getFileInfo("/o/mp/q")) + " " + show(B.getFileInfo("/o/mp/q/f")); });
    t("missing parents are made with which modes (B, 0444)", () -> { B.create("/o/mp4/q/f", mode(0444), "c9", new EnumSetWritable<>(EnumSet.of(CreateFlag.CREATE), CreateFlag.class), true, (short) 1, 1024, CRYPTO, null, null); B.complete("/o/mp4/q/f", "c9", null, 0); return show(B.getFileInfo("/o/mp4")) + " " + show(B.getFileInfo("/o/mp4/q")) + " " + show(B.getFileInfo("/o/mp4/q/f")); });
    t("relative", () -> create(A, "o/new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("empty", () -> create(A, "", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("component ..", () -> create(A, "/o/../new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("component .", () -> create(A, "/o/./new", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("component with colon", () -> create(A, "/o/a:b", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("double slash", () -> create(A, "/o//dbl", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("slash at its end", () -> create(A, "/o/slashend/", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("/.reserved/x", () -> create(S, "/.reserved/x", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("/o/.snapshot", () -> create(A, "/o/.snapshot", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("/o/.snapshot/x", () -> create(A, "/o/.snapshot/x", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("component of 256 bytes", () -> create(A, "/o/" + "n".repeat(256), "c0", true, 2, 1024, CreateFlag.CREATE));
    t("path of 8001 characters", () -> create(A, "/o" + "/nnnnnnn".repeat(1000).substring(0, 7999), "c0", true, 2, 1024, CreateFlag.CREATE));
    t("1001 components", () -> create(A, "/a".repeat(1001), "c0", true, 2, 1024, CreateFlag.CREATE));

    section("open file");
    prep(() -> create(A, "/o/open", "holder1", true, 2, 1024, CreateFlag.CREATE));
    t("create by the same holder, no OVERWRITE", () -> create(A, "/o/open", "holder1", true, 2, 1024, CreateFlag.CREATE));
    t("create by another holder, no OVERWRITE", () -> create(A, "/o/open", "holder2", true, 2, 1024, CreateFlag.CREATE));
    t("B: create by another holder, no OVERWRITE, no w", () -> create(B, "/o/open", "holder2", true, 2, 1024, CreateFlag.CREATE));
    t("append by the same holder", () -> append(A, "/o/open", "holder1"));
    t("append by another holder", () -> append(A, "/o/open", "holder2"));
    t("B: append by another holder, no w", () -> append(B, "/o/open", "holder2"));
    t("truncate by the same holder", () -> A.truncate("/o/open", 0, "holder1"));
    t("truncate by another holder", () -> A.truncate("/o/open", 0, "holder2"));
    t("truncate to longer by another holder", () -> A.truncate("/o/open", 10, "holder2"));
    t("concat: target open", () -> { A.concat("/o/open", new String[] {"/o/f"}); return "nothing"; });
    t("concat: source open", () -> { A.concat("/o/f", new String[] {"/o/open"}); return "nothing"; });
    t("recoverLease by the same holder", () -> A.recoverLease("/o/open", "holder1"));
    t("recoverLease of the closed file that it left (empty file)", () -> A.recoverLease("/o/open", "holder1"));
    prep(() -> create(A, "/o/open2", "holder1", true, 2, 1024, CreateFlag.CREATE));
    t("recoverLease by another holder, empty file", () -> A.recoverLease("/o/open2", "holder2"));
    prep(() -> create(A, "/o/open3", "holder1", true, 2, 1024, CreateFlag.CREATE));
    t("B: recoverLease, no w", () -> B.recoverLease("/o/open3", "holder2"));
    t("addBlock by another holder", () -> A.addBlock("/o/open3", "holder2", null, null, 0, null, null));
    t("B: addBlock with the right holder name", () -> B.addBlock("/o/open3", "holder1", null, null, 0, null, null));
    t("addBlock again, previous absent", () -> A.addBlock("/o/open3", "holder1", null, null, 0, null, null));
    t("isFileClosed", () -> A.isFileClosed("/o/open3"));
    t("getFileInfo", () -> A.getFileInfo("/o/open3"));
    t("getBlockLocations", () -> A.getBlockLocations("/o/open3", 0, 1000));
    t("fsync by another holder", () -> { A.fsync("/o/open3", 0, "holder2", -1); return "nothing"; });
    t("fsync by the holder", () -> { A.fsync("/o/open3", 0, "holder1", -1); return "nothing"; });
    t("complete by another holder", () -> A.complete("/o/open3", "holder2", null, 0));
    t("complete with no last block although there is one", () -> A.complete("/o/open3", "holder1", null, 0));
    t("setPermission on it", () -> { A.setPermission("/o/open3", mode(0600)); return "nothing"; });
    t("setTimes on it", () -> { A.setTimes("/o/open3", 1000, 2000); return "nothing"; });
    t("setReplication on it", () -> A.setReplication("/o/open3", (short) 3));
    t("append after addBlock by another holder", () -> append(A, "/o/open3", "holder2"));
    t("rename it", () -> A.rename("/o/open3", "/o/open3r"));
    t("addBlock under the old name", () -> A.addBlock("/o/open3", "holder1", null, null, 0, null, null));
    t("complete under the old name", () -> A.complete("/o/open3", "holder1", null, 0));
    t("fsync under the old name", () -> { A.fsync("/o/open3", 0, "holder1", -1); return "nothing"; });
    t("recoverLease by another holder, block without replicas", () -> A.recoverLease("/o/open3r", "holder2"));
    t("append while being recovered", () -> append(A, "/o/open3r", "holder3"));
    t("create over it while being recovered", () -> create(A, "/o/open3r", "holder3", true, 2, 1024, CreateFlag.CREATE));
    t("truncate while being recovered", () -> A.truncate("/o/open3r", 0, "holder3"));
    t("recoverLease again", () -> A.recoverLease("/o/open3r", "holder3"));
    prep(() -> create(A, "/o/open4", "holder1", true, 2, 1024, CreateFlag.CREATE));
    t("create OVERWRITE by another holder over an open file", () -> create(A, "/o/open4", "holder2", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    t("first holder: addBlock", () -> A.addBlock("/o/open4", "holder1", null, null, 0, null, null));
    t("first holder: complete", () -> A.complete("/o/open4", "holder1", null, 0));
    t("first holder: abandonBlock", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/open4", "holder1"); return "nothing"; });
    t("delete it while open", () -> A.delete("/o/open4", false));
    t("second holder: addBlock", () -> A.addBlock("/o/open4", "holder2", null, null, 0, null, null));
    t("second holder: complete", () -> A.complete("/o/open4", "holder2", null, 0));
    t("second holder: fsync", () -> { A.fsync("/o/open4", 0, "holder2", -1); return "nothing"; });
    final long[] id = new long[1];
    prep(() -> id[0] = create(A, "/o/open5", "holder5", true, 2, 1024, CreateFlag.CREATE).getFileId());
    prep(() -> A.delete("/o/open5", false));
    t("deleted, addBlock with the file id", () -> A.addBlock("/o/open5", "holder5", null, null, id[0], null, null));
    t("deleted, complete with the file id", () -> A.complete("/o/open5", "holder5", null, id[0]));
    t("deleted, fsync with the file id", () -> { A.fsync("/o/open5", id[0], "holder5", -1); return "nothing"; });
    t("deleted, abandonBlock with the file id", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), id[0], "/o/open5", "holder5"); return "nothing"; });
    t("renewLease of an unknown holder", () -> { A.renewLease("nobody-here", null); return "nothing"; });

    section("addBlock");
    t("missing file", () -> A.addBlock("/o/none", "h", null, null, 0, null, null));
    t("directory", () -> A.addBlock("/o/d", "h", null, null, 0, null, null));
    t("closed file", () -> A.addBlock("/o/f", "h", null, null, 0, null, null));
    t("parent is a file", () -> A.addBlock("/o/f/x", "h", null, null, 0, null, null));
    t("unknown file id", () -> A.addBlock("/o/f", "h", null, null, 999999999L, null, null));
    t("relative", () -> A.addBlock("o/f", "h", null, null, 0, null, null));
    prep(() -> create(A, "/o/ab", "h", true, 2, 1024, CreateFlag.CREATE));
    final LocatedBlock[] lb = new LocatedBlock[1];
    prep(() -> lb[0] = A.addBlock("/o/ab", "h", null, null, 0, null, null));
    t("previous of another pool", () -> A.addBlock("/o/ab", "h", new ExtendedBlock("BP-other", 1, 10, 1001), null, 0, null, null));
    t("previous is not the last block", () -> A.addBlock("/o/ab", "h", new ExtendedBlock(lb[0].getBlock().getBlockPoolId(), 12345, 10, 1001), null, 0, null, null));
    t("previous with the wrong stamp", () -> A.addBlock("/o/ab", "h", new ExtendedBlock(lb[0].getBlock().getBlockPoolId(), lb[0].getBlock().getBlockId(), 10, 5), null, 0, null, null));
    t("previous right, no replica yet", () -> A.addBlock("/o/ab", "h", new ExtendedBlock(lb[0].getBlock().getBlockPoolId(), lb[0].getBlock().getBlockId(), 1024, lb[0].getBlock().getGenerationStamp()), null, 0, null, null));
    t("every datanode excluded", () -> { create(A, "/o/ab2", "h2", true, 2, 1024, CreateFlag.CREATE); return A.addBlock("/o/ab2", "h2", null, S.getDatanodeReport(HdfsConstants.DatanodeReportType.LIVE), 0, null, null); });

    section("abandonBlock");
    t("missing file", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/none", "h"); return "nothing"; });
    t("closed file", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/f", "h"); return "nothing"; });
    t("wrong holder", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/ab", "h9"); return "nothing"; });
    t("block that is not the file's", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/ab", "h"); return "nothing"; });

    section("complete");
    t("missing file", () -> A.complete("/o/none", "h", null, 0));
    t("directory", () -> A.complete("/o/d", "h", null, 0));
    t("closed file, no last", () -> A.complete("/o/f", "h", null, 0));
    t("closed empty file, no last", () -> A.complete("/o/e", "h", null, 0));
    t("closed file, its last block", () -> A.complete("/o/f", "h", A.getBlockLocations("/o/f", 0, 9999).getLastLocatedBlock().getBlock(), 0));
    t("closed file, last block with another length", () -> { ExtendedBlock b = new ExtendedBlock(A.getBlockLocations("/o/f", 0, 9999).getLastLocatedBlock().getBlock()); b.setNumBytes(1); return A.complete("/o/f", "h", b, 0); });
    t("block of another pool", () -> A.complete("/o/f", "h", new ExtendedBlock("BP-x", 1, 0, 1), 0));
    t("unknown file id", () -> A.complete("/o/f", "h", null, 999999999L));
    t("relative", () -> A.complete("o/f", "h", null, 0));

    section("fsync");
    t("missing file", () -> { A.fsync("/o/none", 0, "h", -1); return "nothing"; });
    t("closed file", () -> { A.fsync("/o/f", 0, "h", -1); return "nothing"; });
    t("directory", () -> { A.fsync("/o/d", 0, "h", -1); return "nothing"; });

    prep(() -> { create(A, "/o/ub", "h", true, 2, 1024, CreateFlag.CREATE); lb[0] = A.addBlock("/o/ub", "h", null, null, 0, null, null); return 0; });
    section("updateBlockForPipeline");
    t("unknown block", () -> A.updateBlockForPipeline(new ExtendedBlock(lb[0] == null ? "BP-x" : lb[0].getBlock().getBlockPoolId(), 999, 0, 1), "h"));
    t("block of another pool", () -> A.updateBlockForPipeline(new ExtendedBlock("BP-x", 999, 0, 1), "h"));
    t("block of a closed file", () -> A.updateBlockForPipeline(A.getBlockLocations("/o/f", 0, 9999).getLastLocatedBlock().getBlock(), "h"));
    t("wrong holder", () -> A.updateBlockForPipeline(lb[0].getBlock(), "h9"));
    t("older stamp than the block has", () -> { ExtendedBlock n = new ExtendedBlock(lb[0].getBlock()); n.setGenerationStamp(1); return A.updateBlockForPipeline(n, "h"); });
    t("the right holder", () -> A.updateBlockForPipeline(lb[0].getBlock(), "h"));
    t("B: the right holder", () -> B.updateBlockForPipeline(lb[0].getBlock(), "h"));

    section("updatePipeline");
    t("unknown block", () -> { A.updatePipeline("h", new ExtendedBlock(lb[0].getBlock().getBlockPoolId(), 999, 0, 1), new ExtendedBlock(lb[0].getBlock().getBlockPoolId(), 999, 0, 2), new DatanodeID[0], new String[0]); return "nothing"; });
    t("new stamp not greater", () -> { A.updatePipeline("h", lb[0].getBlock(), lb[0].getBlock(), new DatanodeID[0], new String[0]); return "nothing"; });
    t("wrong holder", () -> { A.updatePipeline("h9", lb[0].getBlock(), lb[0].getBlock(), new DatanodeID[0], new String[0]); return "nothing"; });
    t("another block id", () -> { ExtendedBlock n = new ExtendedBlock(lb[0].getBlock()); n.setBlockId(77); A.updatePipeline("h", lb[0].getBlock(), n, new DatanodeID[0], new String[0]); return "nothing"; });

    section("getAdditionalDatanode");
    t("missing file", () -> A.getAdditionalDatanode("/o/none", 0, lb[0].getBlock(), new DatanodeInfo[0], new String[0], new DatanodeInfo[0], 1, "h"));
    t("closed file", () -> A.getAdditionalDatanode("/o/f", 0, lb[0].getBlock(), new DatanodeInfo[0], new String[0], new DatanodeInfo[0], 1, "h"));
    t("wrong holder", () -> A.getAdditionalDatanode("/o/ab", 0, lb[0].getBlock(), new DatanodeInfo[0], new String[0], new DatanodeInfo[0], 1, "h9"));

    section("recoverLease");
    t("missing", () -> A.recoverLease("/o/none", "h"));
    t("directory", () -> A.recoverLease("/o/d", "h"));
    t("closed file", () -> A.recoverLease("/o/f", "h"));
    t("B: closed file, no w", () -> B.recoverLease("/o/f", "h"));
    t("B: in a directory 0700", () -> B.recoverLease("/o/locked/in", "h"));
    t("parent is a file", () -> A.recoverLease("/o/f/x", "h"));
    t("relative", () -> A.recoverLease("o/f", "h"));

    section("append");
    t("missing", () -> append(A, "/o/none", "h"));
    t("missing parent", () -> append(A, "/o/none/x", "h"));
    t("B: missing in a directory without w", () -> append(B, "/o/d/none", "h"));
    t("directory", () -> append(A, "/o/d", "h"));
    t("B: directory without w", () -> append(B, "/o/d", "h"));
    t("root", () -> append(A, "/", "h"));
    t("superuser: root", () -> append(S, "/", "h"));
    t("parent is a file", () -> append(A, "/o/f/x", "h"));
    t("grandparent is a file", () -> append(A, "/o/f/x/y", "h"));
    t("B: no w", () -> append(B, "/o/f", "h"));
    t("B: no x on parent", () -> append(B, "/o/locked/in", "h"));
    t("relative", () -> append(A, "o/f", "h"));
    t("component with colon", () -> append(A, "/o/a:b", "h"));
    prep(() -> { file(fa, "/o/ap0", 0, 1024, 0644); file(fa, "/o/ap1", 1024, 1024, 0644); file(fa, "/o/ap2", 1500, 1024, 0644); file(fa, "/o/ap3", 1500, 1024, 0644); return 0; });
    t("empty file", () -> append(A, "/o/ap0", "h0"));
    t("last block full", () -> append(A, "/o/ap1", "h1"));
    t("last block partial", () -> append(A, "/o/ap2", "h2"));
    t("last block partial, NEW_BLOCK", () -> append(A, "/o/ap3", "h3", CreateFlag.NEW_BLOCK));
    t("complete what was appended (no last)", () -> A.complete("/o/ap0", "h0", null, 0));

    section("truncate");
    t("missing", () -> A.truncate("/o/none", 0, "h"));
    t("missing parent", () -> A.truncate("/o/none/x", 0, "h"));
    t("directory", () -> A.truncate("/o/d", 0, "h"));
    t("B: directory without w", () -> B.truncate("/o/d", 0, "h"));
    t("root by superuser", () -> S.truncate("/", 0, "h"));
    t("parent is a file", () -> A.truncate("/o/f/x", 0, "h"));
    t("B: no w", () -> B.truncate("/o/f", 0, "h"));
    t("B: no w, longer than the file", () -> B.truncate("/o/f", 99999, "h"));
    t("B: no x on parent", () -> B.truncate("/o/locked/in", 0, "h"));
    t("longer than the file", () -> A.truncate("/o/f", 3001, "h"));
    t("equal to the length", () -> A.truncate("/o/f", 3000, "h"));
    t("negative", () -> A.truncate("/o/f", -1, "h"));
    t("negative, missing", () -> A.truncate("/o/none", -1, "h"));
    t("negative, B: no w", () -> B.truncate("/o/f", -1, "h"));
    t("relative", () -> A.truncate("o/f", 0, "h"));
    prep(() -> { file(fa, "/o/tr", 3000, 1024, 0644); return 0; });
    t("at a block boundary", () -> A.truncate("/o/tr", 2048, "h"));
    t("inside a block", () -> A.truncate("/o/tr", 1500, "h"));
    t("again while recovery runs, other holder", () -> A.truncate("/o/tr", 100, "h2"));
    t("again while recovery runs, same holder", () -> A.truncate("/o/tr", 100, "h"));
    t("append while recovery runs, other holder", () -> append(A, "/o/tr", "h2"));
    t("create over it while recovery runs", () -> create(A, "/o/tr", "h2", true, 2, 1024, CreateFlag.CREATE));
    t("concat on it while recovery runs", () -> { A.concat("/o/tr", new String[] {"/o/e"}); return "nothing"; });
    t("to 0", () -> { file(fa, "/o/tr2", 3000, 1024, 0644); return A.truncate("/o/tr2", 0, "h"); });

    section("delete");
    prep(() -> { sticky(fs, fa); return 0; });
    t("missing", () -> A.delete("/o/none", false));
    t("missing, recursive", () -> A.delete("/o/none", true));
    t("missing parent", () -> A.delete("/o/none/x", true));
    t("parent is a file", () -> A.delete("/o/f/x", true));
    t("grandparent is a file", () -> A.delete("/o/f/x/y", true));
    t("B: missing in a directory without w", () -> B.delete("/o/d/none", true));
    t("B: missing in a directory 0700", () -> B.delete("/o/locked/none", true));
    t("non-empty, not recursive", () -> A.delete("/o/d", false));
    t("B: non-empty, not recursive, parent with w", () -> B.delete("/o/d", false));
    t("B: non-empty without w in it, recursive", () -> B.delete("/o/d", true));
    t("B: a deeper directory 0700 that is not empty, recursive", () -> B.delete("/o/tree", true));
    t("B: a deeper directory 0700 that is empty, recursive", () -> B.delete("/o/tree2", true));
    t("B: file in a directory without w", () -> B.delete("/o/d/x", false));
    t("B: empty directory in a directory without w", () -> B.delete("/o/d/sub", false));
    t("B: non-empty directory in a directory without w, not recursive", () -> B.delete("/o/tree/open/priv", false));
    t("B: in a directory 0700", () -> B.delete("/o/locked/in", false));
    t("B: A's file in a sticky directory", () -> B.delete("/o/sticky/af", false));
    t("B: A's directory in a sticky directory, recursive", () -> B.delete("/o/sticky/ad", true));
    t("B: A's non-empty directory in a sticky directory, not recursive", () -> B.delete("/o/sticky/ad", false));
    t("B: A's empty directory in a sticky directory", () -> B.delete("/o/sticky/ae", false));
    t("B: missing in a sticky directory", () -> B.delete("/o/sticky/none", false));
    t("A: own file in a sticky directory", () -> A.delete("/o/sticky/af", false));
    t("B: A's file in A's own open directory in a sticky directory", () -> B.delete("/o/sticky/ad/f", false));
    t("A: the root, recursive", () -> A.delete("/", true));
    t("superuser: the root, not recursive", () -> S.delete("/", false));
    t("superuser: the root, recursive", () -> S.delete("/", true));
    t("/.reserved", () -> S.delete("/.reserved", true));
    t("/o/.snapshot", () -> S.delete("/o/.snapshot", true));
    t("relative", () -> A.delete("o/f", true));
    t("component with colon", () -> A.delete("/o/a:b", true));
    t("slash at its end", () -> A.delete("/o/none/", true));
    t("tree that still stands", () -> S.getContentSummary("/o").toString().trim());

    section("rename (old)");
    prep(() -> { sticky(fs, fa); dir(fa, "/o/r", 0777); file(fa, "/o/r/f", 10, 1024, 0644); file(fa, "/o/r/g", 10, 1024, 0644); dir(fa, "/o/r/d", 0755); dir(fa, "/o/r/d/f", 0755);
      dir(fa, "/o/r/e", 0755); dir(fa, "/o/r/mine", 0755); file(fa, "/o/r/mine/f", 10, 1024, 0644); dir(fa, "/o/r/priv", 0700); file(fa, "/o/r/priv/f", 10, 1024, 0644); dir(fb, "/o/r/bdir", 0755); return 0; });
    t("missing source", () -> A.rename("/o/r/none", "/o/r/n2"));
    t("missing source, missing parent", () -> A.rename("/o/none/none", "/o/r/n2"));
    t("source below a file", () -> A.rename("/o/r/f/x", "/o/r/n2"));
    t("source onto itself: file", () -> A.rename("/o/r/f", "/o/r/f"));
    t("source onto itself: directory", () -> A.rename("/o/r/d", "/o/r/d"));
    t("destination is a file", () -> A.rename("/o/r/f", "/o/r/g"));
    t("directory onto a file", () -> A.rename("/o/r/d", "/o/r/g"));
    t("file into a directory that has that name", () -> A.rename("/o/r/f", "/o/r/d"));
    t("destination below the source", () -> A.rename("/o/r/d", "/o/r/d/x"));
    t("destination is a directory below the source", () -> A.rename("/o/r/d", "/o/r/d/f"));
    t("directory into its own parent", () -> A.rename("/o/r/d", "/o/r"));
    t("destination parent missing", () -> A.rename("/o/r/f", "/o/r/none/x"));
    t("destination parent is a file", () -> A.rename("/o/r/f", "/o/r/g/x"));
    t("destination grandparent is a file", () -> A.rename("/o/r/f", "/o/r/g/x/y"));
    t("B: missing source, source parent without w", () -> B.rename("/o/r/mine/none", "/o/r/n2"));
    t("B: source parent without w", () -> B.rename("/o/r/mine/f", "/o/r/n2"));
    t("B: destination parent without w", () -> B.rename("/o/r/f", "/o/r/mine/n2"));
    t("B: into a directory without w", () -> B.rename("/o/r/f", "/o/r/mine"));
    t("B: destination exists, destination parent without w", () -> B.rename("/o/r/g", "/o/r/mine/f"));
    t("B: source in a directory 0700", () -> B.rename("/o/r/priv/f", "/o/r/n2"));
    t("B: destination in a directory 0700", () -> B.rename("/o/r/f", "/o/r/priv/n2"));
    t("B: sticky source directory", () -> B.rename("/o/sticky/af", "/o/r/n2"));
    t("B: sticky source directory, missing source", () -> B.rename("/o/sticky/none", "/o/r/n2"));
    t("B: sticky source directory, A's directory", () -> B.rename("/o/sticky/ad", "/o/r/n2"));
    t("B: sticky source directory, destination parent without w", () -> B.rename("/o/sticky/af", "/o/r/mine/n2"));
    t("B: sticky source directory, destination parent missing", () -> B.rename("/o/sticky/af", "/o/r/none/n2"));
    t("B: B's own into a sticky directory where A's file is", () -> B.rename("/o/sticky/bd", "/o/sticky/af"));
    t("B: destination ancestor missing below a directory without w", () -> B.rename("/o/r/f", "/o/r/mine/none/x"));
    t("superuser: the root", () -> S.rename("/", "/o/r/n2"));
    t("A: the root", () -> A.rename("/", "/o/r/n2"));
    t("A: to the root", () -> A.rename("/o/r/f", "/"));
    t("superuser: the root to itself", () -> S.rename("/", "/"));
    t("destination relative", () -> A.rename("/o/r/f", "o/x"));
    t("source relative", () -> A.rename("o/r/f", "/o/x"));
    t("destination with colon", () -> A.rename("/o/r/f", "/o/r/a:b"));
    t("destination empty", () -> A.rename("/o/r/f", ""));
    t("destination component of 256 bytes", () -> A.rename("/o/r/f", "/o/r/" + "n".repeat(256)));
    t("destination path of 8001 characters", () -> A.rename("/o/r/f", "/o" + "/nnnnnnn".repeat(1000).substring(0, 7999)));
    t("destination /.reserved/x", () -> S.rename("/o/r/f", "/.reserved/x"));
    t("destination /o/.snapshot", () -> A.rename("/o/r/f", "/o/.snapshot"));
    t("source /o/.snapshot/x", () -> A.rename("/o/.snapshot/x", "/o/r/n2"));
    t("with a slash at its end", () -> A.rename("/o/r/e/", "/o/r/e2/"));
    t("and back", () -> A.rename("/o/r/e2", "/o/r/e"));

    section("rename2");
    prep(() -> { sticky(fs, fa); file(fb, "/o/r/bf", 10, 1024, 0644); return 0; });
    t("missing source", () -> { A.rename2("/o/r/none", "/o/r/n2"); return "nothing"; });
    t("missing source, missing parent", () -> { A.rename2("/o/none/none", "/o/r/n2"); return "nothing"; });
    t("source below a file", () -> { A.rename2("/o/r/f/x", "/o/r/n2"); return "nothing"; });
    t("source onto itself: file", () -> { A.rename2("/o/r/f", "/o/r/f"); return "nothing"; });
    t("source onto itself: directory", () -> { A.rename2("/o/r/d", "/o/r/d"); return "nothing"; });
    t("source onto itself: missing", () -> { A.rename2("/o/r/none", "/o/r/none"); return "nothing"; });
    t("source onto itself, OVERWRITE", () -> { A.rename2("/o/r/f", "/o/r/f", Options.Rename.OVERWRITE); return "nothing"; });
    t("destination is a file", () -> { A.rename2("/o/r/f", "/o/r/g"); return "nothing"; });
    t("destination is an empty directory, source directory", () -> { A.rename2("/o/r/d", "/o/r/e"); return "nothing"; });
    t("destination is a directory, source file", () -> { A.rename2("/o/r/f", "/o/r/d"); return "nothing"; });
    t("destination is a directory, source file, OVERWRITE", () -> { A.rename2("/o/r/f", "/o/r/d", Options.Rename.OVERWRITE); return "nothing"; });
    t("destination is an empty directory, source file, OVERWRITE", () -> { A.rename2("/o/r/f", "/o/r/e", Options.Rename.OVERWRITE); return "nothing"; });
    t("directory onto a file", () -> { A.rename2("/o/r/d", "/o/r/g"); return "nothing"; });
    t("directory onto a file, OVERWRITE", () -> { A.rename2("/o/r/d", "/o/r/g", Options.Rename.OVERWRITE); return "nothing"; });
    t("directory onto a directory that is not empty, OVERWRITE", () -> { A.rename2("/o/r/e", "/o/r/d", Options.Rename.OVERWRITE); return "nothing"; });
    t("destination below the source", () -> { A.rename2("/o/r/d", "/o/r/d/x"); return "nothing"; });
    t("destination below the source, exists, OVERWRITE", () -> { A.rename2("/o/r/d", "/o/r/d/f", Options.Rename.OVERWRITE); return "nothing"; });
    t("onto its own parent", () -> { A.rename2("/o/r/d/f", "/o/r/d"); return "nothing"; });
    t("onto its own parent, OVERWRITE", () -> { A.rename2("/o/r/d/f", "/o/r/d", Options.Rename.OVERWRITE); return "nothing"; });
    t("destination parent missing", () -> { A.rename2("/o/r/f", "/o/r/none/x"); return "nothing"; });
    t("destination parent is a file", () -> { A.rename2("/o/r/f", "/o/r/g/x"); return "nothing"; });
    t("destination grandparent is a file", () -> { A.rename2("/o/r/f", "/o/r/g/x/y"); return "nothing"; });
    t("B: missing source, source parent without w", () -> { B.rename2("/o/r/mine/none", "/o/r/n2"); return "nothing"; });
    t("B: source parent without w", () -> { B.rename2("/o/r/mine/f", "/o/r/n2"); return "nothing"; });
    t("B: destination parent without w", () -> { B.rename2("/o/r/f", "/o/r/mine/n2"); return "nothing"; });
    t("B: destination exists in a directory without w, OVERWRITE", () -> { B.rename2("/o/r/f", "/o/r/mine/f", Options.Rename.OVERWRITE); return "nothing"; });
    t("B: source in a directory 0700", () -> { B.rename2("/o/r/priv/f", "/o/r/n2"); return "nothing"; });
    t("B: destination in a directory 0700", () -> { B.rename2("/o/r/f", "/o/r/priv/n2"); return "nothing"; });
    t("B: sticky source directory", () -> { B.rename2("/o/sticky/af", "/o/r/n2"); return "nothing"; });
    t("B: sticky destination directory, A's file there, OVERWRITE", () -> { B.rename2("/o/r/bf", "/o/sticky/af", Options.Rename.OVERWRITE); return "nothing"; });
    t("B: sticky destination directory, A's empty directory there, OVERWRITE", () -> { B.mkdirs("/o/r/bd2", mode(0755), false); B.rename2("/o/r/bd2", "/o/sticky/ae", Options.Rename.OVERWRITE); return "nothing"; });
    t("superuser: the root", () -> { S.rename2("/", "/o/r/n2"); return "nothing"; });
    t("superuser: the root to itself", () -> { S.rename2("/", "/"); return "nothing"; });
    t("A: to the root", () -> { A.rename2("/o/r/f", "/"); return "nothing"; });
    t("A: to the root, OVERWRITE", () -> { A.rename2("/o/r/f", "/", Options.Rename.OVERWRITE); return "nothing"; });
    t("superuser: to the root, OVERWRITE", () -> { S.rename2("/o/r/f", "/", Options.Rename.OVERWRITE); return "nothing"; });
    t("destination relative", () -> { A.rename2("/o/r/f", "o/x"); return "nothing"; });
    t("source relative", () -> { A.rename2("o/r/f", "/o/x"); return "nothing"; });
    t("destination with colon", () -> { A.rename2("/o/r/f", "/o/r/a:b"); return "nothing"; });
    t("destination component of 256 bytes", () -> { A.rename2("/o/r/f", "/o/r/" + "n".repeat(256)); return "nothing"; });
    t("destination path of 8001 characters", () -> { A.rename2("/o/r/f", "/o" + "/nnnnnnn".repeat(1000).substring(0, 7999)); return "nothing"; });
    t("destination /.reserved/x", () -> { S.rename2("/o/r/f", "/.reserved/x"); return "nothing"; });
    t("destination /o/.snapshot", () -> { A.rename2("/o/r/f", "/o/.snapshot"); return "nothing"; });
    t("TO_TRASH, destination parent missing", () -> { A.rename2("/o/r/f", "/o/r/none/x", Options.Rename.TO_TRASH); return "nothing"; });
    t("directory onto an empty directory, OVERWRITE", () -> { A.rename2("/o/r/d", "/o/r/e", Options.Rename.OVERWRITE); return "nothing"; });
    t("file onto a file, OVERWRITE", () -> { A.rename2("/o/r/f", "/o/r/g", Options.Rename.OVERWRITE); return "nothing"; });

    section("concat");
    prep(() -> { dir(fa, "/o/c", 0777); dir(fa, "/o/c/d", 0777); for (String n : new String[] {"t", "s1", "s2", "d/s", "p"}) { file(fa, "/o/c/" + n, 2048, 1024, 0644); }
      file(fa, "/o/c/big", 4096, 2048, 0644); file(fa, "/o/c/odd", 1500, 1024, 0644); file(fa, "/o/c/odd2", 1500, 1024, 0644); file(fa, "/o/c/empty", 0, 1024, 0644); file(fa, "/o/c/r1", 1024, 1024, 0644);
      file(fa, "/o/c/secret", 1024, 1024, 0600); file(fb, "/o/c/bf", 1024, 1024, 0644); dir(fa, "/o/c/ro", 0755); file(fa, "/o/c/ro/t", 1024, 1024, 0666); file(fa, "/o/c/ro/s", 1024, 1024, 0666);
      A.setReplication("/o/c/r1", (short) 1); return 0; });
    t("no source", () -> { A.concat("/o/c/t", new String[0]); return "nothing"; });
    t("target missing", () -> { A.concat("/o/c/none", new String[] {"/o/c/s1"}); return "nothing"; });
    t("target missing, parent missing", () -> { A.concat("/o/none/x", new String[] {"/o/c/s1"}); return "nothing"; });
    t("target directory", () -> { A.concat("/o/c/d", new String[] {"/o/c/s1"}); return "nothing"; });
    t("target below a file", () -> { A.concat("/o/c/t/x", new String[] {"/o/c/s1"}); return "nothing"; });
    t("source missing", () -> { A.concat("/o/c/t", new String[] {"/o/c/none"}); return "nothing"; });
    t("source directory", () -> { A.concat("/o/c/t", new String[] {"/o/c/d"}); return "nothing"; });
    t("source below a file", () -> { A.concat("/o/c/t", new String[] {"/o/c/s1/x"}); return "nothing"; });
    t("source is the target", () -> { A.concat("/o/c/t", new String[] {"/o/c/t"}); return "nothing"; });
    t("source twice", () -> { A.concat("/o/c/t", new String[] {"/o/c/s1", "/o/c/s1"}); return "nothing"; });
    t("source in another directory", () -> { A.concat("/o/c/t", new String[] {"/o/c/d/s"}); return "nothing"; });
    t("source missing in another directory", () -> { A.concat("/o/c/t", new String[] {"/o/c/d/none"}); return "nothing"; });
    t("source with a larger block size", () -> { A.concat("/o/c/t", new String[] {"/o/c/big"}); return "nothing"; });
    t("source empty", () -> { A.concat("/o/c/t", new String[] {"/o/c/empty"}); return "nothing"; });
    t("empty target", () -> { file(fa, "/o/c/et", 0, 1024, 0644); A.concat("/o/c/et", new String[] {"/o/c/p"}); return A.getFileInfo("/o/c/et"); });
    t("source with a partial last block", () -> { A.concat("/o/c/t", new String[] {"/o/c/odd"}); return A.getBlockLocations("/o/c/t", 0, 99999); });
    t("target with a partial last block", () -> { A.concat("/o/c/t", new String[] {"/o/c/odd2"}); return A.getBlockLocations("/o/c/t", 0, 99999); });
    t("source with another replication", () -> { A.concat("/o/c/t", new String[] {"/o/c/r1"}); return A.getFileInfo("/o/c/t"); });
    t("target with a smaller block size than the source's, reversed", () -> { A.concat("/o/c/big", new String[] {"/o/c/s2"}); return A.getFileInfo("/o/c/big"); });
    t("B: no w on target", () -> { B.concat("/o/c/t", new String[] {"/o/c/bf"}); return "nothing"; });
    t("B: no r on source", () -> { B.concat("/o/c/bf", new String[] {"/o/c/secret"}); return "nothing"; });
    t("B: no w on the source's directory", () -> { B.concat("/o/c/ro/t", new String[] {"/o/c/ro/s"}); return "nothing"; });
    t("B: source missing, no w on target", () -> { B.concat("/o/c/t", new String[] {"/o/c/none"}); return "nothing"; });
    t("B: source twice, no w on target", () -> { B.concat("/o/c/t", new String[] {"/o/c/s1", "/o/c/s1"}); return "nothing"; });
    t("B: target in a directory 0700", () -> { B.concat("/o/locked/in", new String[] {"/o/locked/x"}); return "nothing"; });
    t("relative", () -> { A.concat("o/c/t", new String[] {"/o/c/s1"}); return "nothing"; });
    t("source relative", () -> { A.concat("/o/c/t", new String[] {"o/c/s1"}); return "nothing"; });
    t("source with colon", () -> { A.concat("/o/c/t", new String[] {"/o/c/s:1"}); return "nothing"; });
    t("source empty string", () -> { A.concat("/o/c/t", new String[] {""}); return "nothing"; });

    section("setPermission");
    t("missing", () -> { A.setPermission("/o/none", mode(0755)); return "nothing"; });
    t("missing parent", () -> { A.setPermission("/o/none/x", mode(0755)); return "nothing"; });
    t("parent is a file", () -> { A.setPermission("/o/f/x", mode(0755)); return "nothing"; });
    t("B: not the owner, file", () -> { B.setPermission("/o/f", mode(0755)); return "nothing"; });
    t("B: not the owner, directory", () -> { B.setPermission("/o/d", mode(0755)); return "nothing"; });
    t("B: missing in a directory 0700", () -> { B.setPermission("/o/locked/none", mode(0755)); return "nothing"; });
    t("B: in a directory 0700", () -> { B.setPermission("/o/locked/in", mode(0755)); return "nothing"; });
    t("A: the root", () -> { A.setPermission("/", mode(0755)); return "nothing"; });
    t("mode 07777 on a file by its owner", () -> { A.setPermission("/o/e", mode(07777)); return A.getFileInfo("/o/e"); });
    t("mode 01777 on a file by its owner", () -> { A.setPermission("/o/e", mode(01777)); return A.getFileInfo("/o/e"); });
    t("mode 06777 on a directory by its owner", () -> { A.setPermission("/o/ed", mode(06777)); return A.getFileInfo("/o/ed"); });
    t("mode 0 on a directory by its owner", () -> { A.setPermission("/o/ed", mode(0)); return A.getFileInfo("/o/ed"); });
    t("relative", () -> { A.setPermission("o/f", mode(0755)); return "nothing"; });
    t("/.reserved", () -> { S.setPermission("/.reserved", mode(0755)); return "nothing"; });

    section("setOwner");
    t("missing", () -> { A.setOwner("/o/none", ownerName, null); return "nothing"; });
    t("superuser: missing", () -> { S.setOwner("/o/none", ownerName, null); return "nothing"; });
    t("parent is a file", () -> { A.setOwner("/o/f/x", ownerName, null); return "nothing"; });
    t("neither name", () -> { A.setOwner("/o/f", null, null); return "nothing"; });
    t("B: neither name", () -> { B.setOwner("/o/f", null, null); return "nothing"; });
    t("A: another user", () -> { A.setOwner("/o/f", otherName, null); return "nothing"; });
    t("A: itself", () -> { A.setOwner("/o/f", ownerName, null); return "nothing"; });
    t("A: a group it has", () -> { A.setOwner("/o/f", null, ownerName); return A.getFileInfo("/o/f"); });
    t("A: a group it has not", () -> { A.setOwner("/o/f", null, "daemon"); return "nothing"; });
    t("A: the group that it is already", () -> { S.setOwner("/o/f", null, "daemon"); A.setOwner("/o/f", null, "daemon"); return "nothing"; });
    t("A: another user and a group it has not", () -> { A.setOwner("/o/f", otherName, "daemon"); return "nothing"; });
    t("A: itself and a group it has", () -> { A.setOwner("/o/f", ownerName, ownerName); return A.getFileInfo("/o/f"); });
    t("B: not the owner, a group it has", () -> { B.setOwner("/o/f", null, otherName); return "nothing"; });
    t("B: not the owner, user", () -> { B.setOwner("/o/f", otherName, null); return "nothing"; });
    t("B: in a directory 0700", () -> { B.setOwner("/o/locked/in", null, otherName); return "nothing"; });
    t("superuser: names that the host does not know", () -> { S.setOwner("/o/e", "no_such_user", "no_such_group"); return S.getFileInfo("/o/e"); });
    t("superuser: empty strings", () -> { S.setOwner("/o/e", "", ""); return S.getFileInfo("/o/e"); });
    t("superuser: back", () -> { S.setOwner("/o/e", ownerName, "supergroup"); return S.getFileInfo("/o/e"); });
    t("relative", () -> { A.setOwner("o/f", ownerName, null); return "nothing"; });

    section("setTimes");
    t("missing", () -> { A.setTimes("/o/none", 1, 1); return "nothing"; });
    t("missing parent", () -> { A.setTimes("/o/none/x", 1, 1); return "nothing"; });
    t("parent is a file", () -> { A.setTimes("/o/f/x", 1, 1); return "nothing"; });
    t("B: no w", () -> { B.setTimes("/o/f", 1, 1); return "nothing"; });
    t("B: w but not the owner", () -> { A.setPermission("/o/f", mode(0666)); B.setTimes("/o/f", 1000, 2000); HdfsFileStatus s = A.getFileInfo("/o/f"); A.setPermission("/o/f", mode(0644)); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("B: no x on parent", () -> { B.setTimes("/o/locked/in", 1, 1); return "nothing"; });
    t("B: directory without w", () -> { B.setTimes("/o/d", 1, 1); return "nothing"; });
    t("directory, both", () -> { A.setTimes("/o/d", 1000, 2000); HdfsFileStatus s = A.getFileInfo("/o/d"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("-1 and -1", () -> { A.setTimes("/o/f", -1, -1); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("-2 and 5", () -> { A.setTimes("/o/f", -2, 5); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("5 and -2", () -> { A.setTimes("/o/f", 5, -2); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("0 and 0", () -> { A.setTimes("/o/f", 0, 0); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("-1 and 7", () -> { A.setTimes("/o/f", -1, 7); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("9 and -1", () -> { A.setTimes("/o/f", 9, -1); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("atime one ms on (within the precision)", () -> { A.setTimes("/o/f", -1, 8); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("mtime 2^63-1", () -> { A.setTimes("/o/f", Long.MAX_VALUE, -1); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("atime 2^63-1", () -> { A.setTimes("/o/f", -1, Long.MAX_VALUE); HdfsFileStatus s = A.getFileInfo("/o/f"); return s.getModificationTime() + " " + s.getAccessTime(); });
    t("relative", () -> { A.setTimes("o/f", 1, 1); return "nothing"; });
    t("superuser: the root", () -> { S.setTimes("/", 1000, 2000); HdfsFileStatus s = A.getFileInfo("/"); return s.getModificationTime() + " " + s.getAccessTime(); });

    section("setReplication");
    t("missing", () -> A.setReplication("/o/none", (short) 2));
    t("missing parent", () -> A.setReplication("/o/none/x", (short) 2));
    t("parent is a file", () -> A.setReplication("/o/f/x", (short) 2));
    t("directory", () -> A.setReplication("/o/d", (short) 2));
    t("B: directory without w", () -> B.setReplication("/o/d", (short) 2));
    t("B: no w", () -> B.setReplication("/o/f", (short) 2));
    t("B: no x on parent", () -> B.setReplication("/o/locked/in", (short) 2));
    t("0", () -> A.setReplication("/o/f", (short) 0));
    t("-1", () -> A.setReplication("/o/f", (short) -1));
    t("513 (maximum 512)", () -> A.setReplication("/o/f", (short) 513));
    t("513, missing", () -> A.setReplication("/o/none", (short) 513));
    t("0, B: no w", () -> B.setReplication("/o/f", (short) 0));
    t("the one it has", () -> A.setReplication("/o/f", (short) 2));
    t("512", () -> A.setReplication("/o/e", (short) 512));
    t("B: 2, file that is missing in a directory without w", () -> B.setReplication("/o/d/none", (short) 2));
    t("relative", () -> A.setReplication("o/f", (short) 2));

    section("storage policy");
    t("setStoragePolicy: missing", () -> { A.setStoragePolicy("/o/none", "HOT"); return "nothing"; });
    t("setStoragePolicy: unknown policy", () -> { A.setStoragePolicy("/o/f", "NOPE"); return "nothing"; });
    t("setStoragePolicy: B, no w", () -> { B.setStoragePolicy("/o/f", "HOT"); return "nothing"; });
    t("getStoragePolicy: missing", () -> A.getStoragePolicy("/o/none"));
    t("getStoragePolicy: file", () -> A.getStoragePolicy("/o/f"));
    t("getStoragePolicy: directory", () -> A.getStoragePolicy("/o/d"));
    t("unsetStoragePolicy: missing", () -> { A.unsetStoragePolicy("/o/none"); return "nothing"; });
    t("unsetStoragePolicy: B, no w", () -> { B.unsetStoragePolicy("/o/f"); return "nothing"; });
    t("satisfyStoragePolicy", () -> { A.satisfyStoragePolicy("/o/f"); return "nothing"; });
    t("getStoragePolicies", () -> A.getStoragePolicies().length);

    section("quota");
    t("setQuota by A", () -> { A.setQuota("/o/d", 10, 10, null); return "nothing"; });
    t("setQuota: missing", () -> { S.setQuota("/o/none", 10, 10, null); return "nothing"; });
    t("setQuota: file", () -> { S.setQuota("/o/f", 10, 10, null); return "nothing"; });
    t("setQuota: 0", () -> { S.setQuota("/o/d", 0, 10, null); return "nothing"; });
    t("setQuota: -5", () -> { S.setQuota("/o/d", -5, 10, null); return "nothing"; });
    t("setQuota: the root, reset", () -> { S.setQuota("/", -1, Long.MAX_VALUE, null); return "nothing"; });
    t("setQuota: neither", () -> { S.setQuota("/o/d", Long.MAX_VALUE, Long.MAX_VALUE, null); return "nothing"; });

    section("ACL");
    List<AclEntry> spec = AclEntry.parseAclSpec("user:" + otherName + ":rwx", true), dflt = AclEntry.parseAclSpec("default:user:" + otherName + ":rwx", true);
    t("getAclStatus: missing", () -> A.getAclStatus("/o/none"));
    t("getAclStatus: file without", () -> A.getAclStatus("/o/f"));
    t("getAclStatus: B in a directory 0700", () -> B.getAclStatus("/o/locked/in"));
    t("modifyAclEntries: missing", () -> { A.modifyAclEntries("/o/none", spec); return "nothing"; });
    t("modifyAclEntries: B, not the owner", () -> { B.modifyAclEntries("/o/f", spec); return "nothing"; });
    t("modifyAclEntries: default entries on a file", () -> { A.modifyAclEntries("/o/f", dflt); return "nothing"; });
    t("removeAclEntries: missing", () -> { A.removeAclEntries("/o/none", spec); return "nothing"; });
    t("removeDefaultAcl: missing", () -> { A.removeDefaultAcl("/o/none"); return "nothing"; });
    t("removeAcl: missing", () -> { A.removeAcl("/o/none"); return "nothing"; });
    t("removeAcl: file without", () -> { A.removeAcl("/o/f"); return "nothing"; });
    t("setAcl: missing", () -> { A.setAcl("/o/none", spec); return "nothing"; });
    t("setAcl: without the three base entries", () -> { A.setAcl("/o/f", spec); return "nothing"; });
    t("setAcl: B, not the owner", () -> { B.setAcl("/o/f", AclEntry.parseAclSpec("user::rw-,group::r--,other::r--,user:" + otherName + ":rw-", true)); return "nothing"; });

    section("xattr");
    XAttr user = XAttrHelper.buildXAttr("user.k", new byte[] {1});
    XAttr trusted = XAttrHelper.buildXAttr("trusted.k", new byte[] {1});
    t("setXAttr: missing", () -> { A.setXAttr("/o/none", user, EnumSet.of(XAttrSetFlag.CREATE)); return "nothing"; });
    t("setXAttr: trusted by A", () -> { A.setXAttr("/o/f", trusted, EnumSet.of(XAttrSetFlag.CREATE)); return "nothing"; });
    t("setXAttr: B, no w", () -> { B.setXAttr("/o/f", user, EnumSet.of(XAttrSetFlag.CREATE)); return "nothing"; });
    t("setXAttr: REPLACE what is not there", () -> { A.setXAttr("/o/f", user, EnumSet.of(XAttrSetFlag.REPLACE)); return "nothing"; });
    t("setXAttr: CREATE twice", () -> { A.setXAttr("/o/f", user, EnumSet.of(XAttrSetFlag.CREATE)); A.setXAttr("/o/f", user, EnumSet.of(XAttrSetFlag.CREATE)); return "nothing"; });
    t("setXAttr: too long", () -> { A.setXAttr("/o/f", XAttrHelper.buildXAttr("user.big", new byte[20000]), EnumSet.of(XAttrSetFlag.CREATE)); return "nothing"; });
    t("getXAttrs: missing", () -> A.getXAttrs("/o/none", null));
    t("getXAttrs: attribute that is not there", () -> A.getXAttrs("/o/e", Arrays.asList(XAttrHelper.buildXAttr("user.none"))));
    t("getXAttrs: B, no r", () -> B.getXAttrs("/o/private", Arrays.asList(XAttrHelper.buildXAttr("user.k"))));
    t("getXAttrs: trusted by A", () -> A.getXAttrs("/o/f", Arrays.asList(XAttrHelper.buildXAttr("trusted.k"))));
    t("getXAttrs: all, of a file without", () -> A.getXAttrs("/o/d/x", null));
    t("listXAttrs: missing", () -> A.listXAttrs("/o/none"));
    t("listXAttrs: B in a directory 0700", () -> B.listXAttrs("/o/locked/in"));
    t("removeXAttr: attribute that is not there", () -> { A.removeXAttr("/o/e", XAttrHelper.buildXAttr("user.none")); return "nothing"; });
    t("removeXAttr: missing", () -> { A.removeXAttr("/o/none", user); return "nothing"; });

    section("snapshots");
    t("allowSnapshot by A", () -> { A.allowSnapshot("/o/d"); return "nothing"; });
    t("createSnapshot of a directory that is not snapshottable", () -> A.createSnapshot("/o/d", "s"));
    t("createSnapshot: missing", () -> A.createSnapshot("/o/none", "s"));
    t("createSnapshot: file", () -> A.createSnapshot("/o/f", "s"));
    t("deleteSnapshot: directory that is not snapshottable", () -> { A.deleteSnapshot("/o/d", "s"); return "nothing"; });
    t("renameSnapshot: directory that is not snapshottable", () -> { A.renameSnapshot("/o/d", "s", "t"); return "nothing"; });
    t("disallowSnapshot by A", () -> { A.disallowSnapshot("/o/d"); return "nothing"; });
    t("disallowSnapshot by the superuser, not snapshottable", () -> { S.disallowSnapshot("/o/d"); return "nothing"; });
    t("getSnapshottableDirListing", () -> { Object[] r = A.getSnapshottableDirListing(); return r == null ? null : r.length; });
    t("getSnapshotListing: directory that is not snapshottable", () -> A.getSnapshotListing("/o/d"));
    t("getSnapshotDiffReport: directory that is not snapshottable", () -> A.getSnapshotDiffReport("/o/d", "s", "t"));

    section("links, zones, policies, cache");
    t("createSymlink", () -> { A.createSymlink("/o/f", "/o/link", mode(0755), false); return "nothing"; });
    t("getLinkTarget: missing", () -> A.getLinkTarget("/o/none"));
    t("getLinkTarget: file", () -> A.getLinkTarget("/o/f"));
    t("getLinkTarget: directory", () -> A.getLinkTarget("/o/d"));
    t("createEncryptionZone by the superuser", () -> { S.createEncryptionZone("/o/ed", "k"); return "nothing"; });
    t("createEncryptionZone by A", () -> { A.createEncryptionZone("/o/ed", "k"); return "nothing"; });
    t("getEZForPath: file", () -> A.getEZForPath("/o/f"));
    t("getEZForPath: missing", () -> A.getEZForPath("/o/none"));
    t("listEncryptionZones by A", () -> A.listEncryptionZones(0));
    t("setErasureCodingPolicy: not enabled", () -> { A.setErasureCodingPolicy("/o/d", "RS-3-2-1024k"); return "nothing"; });
    t("setErasureCodingPolicy: unknown", () -> { A.setErasureCodingPolicy("/o/d", "nope"); return "nothing"; });
    t("unsetErasureCodingPolicy: directory without", () -> { A.unsetErasureCodingPolicy("/o/d"); return "nothing"; });
    t("getErasureCodingPolicy: missing", () -> A.getErasureCodingPolicy("/o/none"));
    t("getErasureCodingPolicy: directory without", () -> A.getErasureCodingPolicy("/o/d"));
    t("enableErasureCodingPolicy by A", () -> { A.enableErasureCodingPolicy("RS-3-2-1024k"); return "nothing"; });
    t("getErasureCodingPolicies", () -> A.getErasureCodingPolicies().length);
    t("getErasureCodingCodecs", () -> A.getErasureCodingCodecs());
    t("addCachePool by A", () -> { A.addCachePool(new org.apache.hadoop.hdfs.protocol.CachePoolInfo("p")); return "nothing"; });
    t("removeCachePool: missing, by A", () -> { A.removeCachePool("p"); return "nothing"; });
    t("removeCachePool: missing, by the superuser", () -> { S.removeCachePool("p"); return "nothing"; });
    t("removeCacheDirective: missing", () -> { A.removeCacheDirective(1); return "nothing"; });
    t("listCachePools", () -> A.listCachePools("").size());
    t("listCacheDirectives", () -> A.listCacheDirectives(0, new org.apache.hadoop.hdfs.protocol.CacheDirectiveInfo.Builder().build()).size());
    t("getEnclosingRoot", () -> A.getEnclosingRoot("/o/d"));
    t("getDelegationToken", () -> A.getDelegationToken(new org.apache.hadoop.io.Text("x")));
    t("getDataEncryptionKey", () -> A.getDataEncryptionKey());
    t("getCurrentEditLogTxid by A", () -> A.getCurrentEditLogTxid() > 0);
    t("getEditsFromTxid by A", () -> A.getEditsFromTxid(1));

    section("administration by A");
    t("getStats", () -> A.getStats().length);
    t("getServerDefaults", () -> { var d = A.getServerDefaults(); return d.getBlockSize() + " " + d.getBytesPerChecksum() + " " + d.getWritePacketSize() + " " + d.getReplication() + " " + d.getFileBufferSize() + " " + d.getEncryptDataTransfer() + " " + d.getTrashInterval() + " " + d.getChecksumType() + " kp='" + d.getKeyProviderUri() + "' policy " + d.getDefaultStoragePolicyId() + " trashroot " + d.getSnapshotTrashRootEnabled(); });
    t("getDatanodeReport", () -> A.getDatanodeReport(HdfsConstants.DatanodeReportType.LIVE).length);
    t("getDatanodeStorageReport", () -> A.getDatanodeStorageReport(HdfsConstants.DatanodeReportType.LIVE).length);
    t("getSlowDatanodeReport", () -> A.getSlowDatanodeReport().length);
    t("setSafeMode GET", () -> A.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_GET, false));
    t("setSafeMode ENTER", () -> A.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_ENTER, false));
    t("setSafeMode LEAVE", () -> A.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_LEAVE, false));
    t("saveNamespace", () -> A.saveNamespace(0, 0));
    t("saveNamespace by the superuser, not in safe mode", () -> S.saveNamespace(0, 0));
    t("rollEdits", () -> A.rollEdits());
    t("restoreFailedStorage", () -> A.restoreFailedStorage("check"));
    t("refreshNodes", () -> { A.refreshNodes(); return "nothing"; });
    t("finalizeUpgrade", () -> { A.finalizeUpgrade(); return "nothing"; });
    t("upgradeStatus", () -> A.upgradeStatus());
    t("rollingUpgrade QUERY", () -> A.rollingUpgrade(HdfsConstants.RollingUpgradeAction.QUERY));
    t("metaSave", () -> { A.metaSave("x"); return "nothing"; });
    t("setBalancerBandwidth", () -> { A.setBalancerBandwidth(1); return "nothing"; });
    t("listOpenFiles", () -> A.listOpenFiles(0, EnumSet.of(org.apache.hadoop.hdfs.protocol.OpenFilesIterator.OpenFilesType.ALL_OPEN_FILES), "/"));
    t("listCorruptFileBlocks", () -> A.listCorruptFileBlocks("/", null));
    t("listCorruptFileBlocks by the superuser", () -> show(S.listCorruptFileBlocks("/", null).getFiles()));
    t("reportBadBlocks, block that is not known", () -> { A.reportBadBlocks(new LocatedBlock[0]); return "nothing"; });

    section("which of several");
    prep(() -> { dir(fa, "/o/many", 0777); for (String n : new String[] {"a", "b", "b/x", "c", "c/x", "d"}) { dir(fa, "/o/many/" + n, 0777); file(fa, "/o/many/" + n + "/f", 10, 1024, 0644); }
      for (String n : new String[] {"b/x", "c/x", "d"}) { fa.setPermission(new Path("/o/many/" + n), mode(0700)); } return 0; });
    t("B: delete, recursive, where b/x, c/x and d are 0700", () -> B.delete("/o/many", true));
    t("B: getContentSummary, where b/x, c/x and d are 0700", () -> B.getContentSummary("/o/many"));
    prep(() -> { fa.setPermission(new Path("/o/many/d"), mode(0777)); return 0; });
    t("B: delete, recursive, where b/x and c/x are 0700", () -> B.delete("/o/many", true));
    prep(() -> { fa.setPermission(new Path("/o/many/c"), mode(0700)); fa.setPermission(new Path("/o/many/b"), mode(01777)); return 0; });
    t("B: delete, recursive, where b is sticky, b/x and c are 0700", () -> B.delete("/o/many", true));
    prep(() -> { fa.setPermission(new Path("/o/many/c"), mode(0777)); fa.setPermission(new Path("/o/many/c/x"), mode(0777)); fa.setPermission(new Path("/o/many/b/x"), mode(0777)); return 0; });
    t("B: delete, recursive, where b is sticky and holds A's file and directory", () -> B.delete("/o/many", true));
    prep(() -> { dir(fa, "/o/many2", 0777); dir(fa, "/o/many2/b", 01777); file(fa, "/o/many2/b/f", 10, 1024, 0644); return 0; });
    t("B: delete, recursive, where b is sticky and holds A's file", () -> B.delete("/o/many2", true));
    prep(() -> { dir(fa, "/o/many3", 0777); dir(fa, "/o/many3/x", 0555); dir(fa, "/o/many3/y", 0000); return 0; });
    t("B: delete, recursive, where x is 0555 and y 0000, both empty", () -> B.delete("/o/many3", true));
    prep(() -> { dir(fa, "/o/order", 0777); for (String n : new String[] {"z", "\u00e9", "a", "\u4e2d", "~", "A"}) { file(fa, "/o/order/" + n, 0, 1024, 0644); } return 0; });
    t("order of a listing (names by signed bytes: those beyond ASCII come first)", () -> { StringBuilder b = new StringBuilder(); for (HdfsFileStatus s : A.getListing("/o/order", new byte[0], false).getPartialListing()) { b.append(s.getLocalName()).append(' '); } return b; });
    t("entries after '~' in that listing", () -> A.getListing("/o/order", "~".getBytes(), false).getPartialListing().length);
    t("entries after U+4E2D in that listing", () -> A.getListing("/o/order", "\u4e2d".getBytes("UTF-8"), false).getPartialListing().length);

    section("times");
    prep(() -> { dir(fs, "/o/tm", 0777); dir(fs, "/o/tm2", 0777); for (String n : new String[] {"f", "g", "h", "s", "a", "t", "big"}) { file(fs, "/o/tm/" + n, 1500, 1024, 0644); } return 0; });
    times("mkdirs", fs, new String[] {"/o/tm", "/o"}, () -> fs.mkdirs(new Path("/o/tm/d")));
    times("mkdirs of what exists", fs, new String[] {"/o/tm", "/o/tm/d"}, () -> fs.mkdirs(new Path("/o/tm/d")));
    times("create (open)", fs, new String[] {"/o/tm", "/o/tm/c", "/o"}, () -> create(S, "/o/tm/c", "th", true, 2, 1024, CreateFlag.CREATE));
    times("addBlock", fs, new String[] {"/o/tm", "/o/tm/c"}, () -> S.addBlock("/o/tm/c", "th", null, null, 0, null, null));
    times("fsync", fs, new String[] {"/o/tm", "/o/tm/c"}, () -> { S.fsync("/o/tm/c", 0, "th", 10); return 0; });
    times("create OVERWRITE (open)", fs, new String[] {"/o/tm", "/o/tm/g"}, () -> create(S, "/o/tm/g", "th2", true, 2, 1024, CreateFlag.CREATE, CreateFlag.OVERWRITE));
    times("complete", fs, new String[] {"/o/tm", "/o/tm/g"}, () -> S.complete("/o/tm/g", "th2", null, 0));
    times("append (open)", fs, new String[] {"/o/tm", "/o/tm/g"}, () -> append(S, "/o/tm/g", "th3"));
    times("complete of append, nothing written", fs, new String[] {"/o/tm", "/o/tm/g"}, () -> S.complete("/o/tm/g", "th3", null, 0));
    times("truncate inside a block, and its completion", fs, new String[] {"/o/tm", "/o/tm/t"}, () -> { if (!fs.truncate(new Path("/o/tm/t"), 1100)) { while (!S.isFileClosed("/o/tm/t")) { Thread.sleep(50); } } return 0; });
    times("truncate at a block boundary", fs, new String[] {"/o/tm", "/o/tm/big"}, () -> fs.truncate(new Path("/o/tm/big"), 1024));
    times("truncate to its length", fs, new String[] {"/o/tm", "/o/tm/big"}, () -> fs.truncate(new Path("/o/tm/big"), 1024));
    times("concat", fs, new String[] {"/o/tm", "/o/tm/f", "/o/tm/s"}, () -> { fs.concat(new Path("/o/tm/f"), new Path[] {new Path("/o/tm/s")}); return 0; });
    times("rename (old)", fs, new String[] {"/o/tm", "/o/tm2", "/o/tm/h", "/o/tm2/h"}, () -> S.rename("/o/tm/h", "/o/tm2/h"));
    times("rename (old) in one directory", fs, new String[] {"/o/tm2", "/o/tm2/h", "/o/tm2/i"}, () -> S.rename("/o/tm2/h", "/o/tm2/i"));
    times("rename (old) of a file to itself", fs, new String[] {"/o/tm2", "/o/tm2/i"}, () -> S.rename("/o/tm2/i", "/o/tm2/i"));
    times("rename (old): what it moved", fs, new String[] {"/o/tm2/i"}, () -> S.rename("/o/tm2/i", "/o/tm2/h") && S.rename("/o/tm2/h", "/o/tm2/i"));
    times("rename2 OVERWRITE", fs, new String[] {"/o/tm", "/o/tm2", "/o/tm/a", "/o/tm2/i"}, () -> { S.rename2("/o/tm/a", "/o/tm2/i", Options.Rename.OVERWRITE); return 0; });
    times("setPermission", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> { S.setPermission("/o/tm/f", mode(0600)); return 0; });
    times("setOwner", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> { S.setOwner("/o/tm/f", "x", "y"); return 0; });
    times("setReplication", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> S.setReplication("/o/tm/f", (short) 3));
    times("setPermission of a directory", fs, new String[] {"/o/tm", "/o/tm/d"}, () -> { S.setPermission("/o/tm/d", mode(0700)); return 0; });
    times("getListing", fs, new String[] {"/o/tm"}, () -> S.getListing("/o/tm", new byte[0], false));
    times("getFileInfo", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> S.getFileInfo("/o/tm/f"));
    times("getBlockLocations (atime older than the precision)", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> S.getBlockLocations("/o/tm/f", 0, 1));
    times("getContentSummary", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> S.getContentSummary("/o/tm"));
    times("delete of a file", fs, new String[] {"/o/tm", "/o/tm/f"}, () -> S.delete("/o/tm/f", false));
    times("delete of a directory", fs, new String[] {"/o/tm", "/o"}, () -> S.delete("/o/tm/d", false));
    times("delete of what is missing", fs, new String[] {"/o/tm"}, () -> S.delete("/o/tm/none", false));
    if (enabled) {
      fs.mkdirs(new Path("/o/tm/nd"));
      HdfsFileStatus d = S.getFileInfo("/o/tm/nd");
      System.out.println("- a new directory: mtime now, atime " + d.getAccessTime());
      file(fs, "/o/tm/nf", 10, 1024, 0644);
      HdfsFileStatus f = S.getFileInfo("/o/tm/nf");
      System.out.println("- a new file, closed: mtime - atime >= 0: " + (f.getModificationTime() >= f.getAccessTime()) + ", atime > 0: " + (f.getAccessTime() > 0));
    }

    section("safe mode");
    prep(() -> S.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_ENTER, false));
    t("mkdirs", () -> A.mkdirs("/o/sm", mode(0755), true));
    t("mkdirs of what exists", () -> A.mkdirs("/o/d", mode(0755), true));
    t("B: mkdirs without w", () -> B.mkdirs("/o/d/n", mode(0755), true));
    t("create", () -> create(A, "/o/sm", "c0", true, 2, 1024, CreateFlag.CREATE));
    t("append", () -> append(A, "/o/f", "c0"));
    t("truncate", () -> A.truncate("/o/f", 0, "c0"));
    t("concat", () -> { A.concat("/o/f", new String[] {"/o/x"}); return "nothing"; });
    t("delete", () -> A.delete("/o/f", true));
    t("delete of what is missing", () -> A.delete("/o/none", true));
    t("rename", () -> A.rename("/o/f", "/o/sm"));
    t("rename2", () -> { A.rename2("/o/f", "/o/sm"); return "nothing"; });
    t("setPermission", () -> { A.setPermission("/o/f", mode(0755)); return "nothing"; });
    t("setOwner", () -> { A.setOwner("/o/f", ownerName, null); return "nothing"; });
    t("setTimes", () -> { A.setTimes("/o/f", 1, 1); return "nothing"; });
    t("setReplication", () -> A.setReplication("/o/f", (short) 1));
    t("addBlock", () -> A.addBlock("/o/ab", "h", null, null, 0, null, null));
    t("complete", () -> A.complete("/o/f", "h", null, 0));
    t("fsync", () -> { A.fsync("/o/f", 0, "h", -1); return "nothing"; });
    t("renewLease", () -> { A.renewLease("h", null); return "nothing"; });
    t("recoverLease", () -> A.recoverLease("/o/f", "h"));
    t("abandonBlock", () -> { A.abandonBlock(new ExtendedBlock("BP-x", 1, 0, 1), 0, "/o/f", "h"); return "nothing"; });
    t("updateBlockForPipeline", () -> A.updateBlockForPipeline(new ExtendedBlock("BP-x", 1, 0, 1), "h"));
    t("getBlockLocations", () -> A.getBlockLocations("/o/f", 0, 1));
    prep(() -> S.setSafeMode(HdfsConstants.SafeModeAction.SAFEMODE_LEAVE, false));

    System.exit(0);
  }
}
