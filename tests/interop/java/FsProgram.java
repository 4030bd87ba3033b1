/*
 * FsProgram: what a program may rely on from a Hadoop file system, checked through Hadoop's own client.
 *
 *   FsProgram URI DIRECTORY [--other USER] [--block-size BYTES] [--replication N] [--except NAME,NAME..] [--list] [NAME...]
 *
 * DIRECTORY is made anew.  One line for each check, "ok NAME" or "FAIL NAME: why"; NAME runs those alone whose name it begins.
 * This process is the superuser and USER (by default nobody) is somebody else.  Only what every HDFS must do alike is asked for: in
 * particular, where block boundaries lie after an append is not, and a truncate may take its time.  Exits 1 when a check failed.
 */
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.BlockLocation;
import org.apache.hadoop.fs.CompositeCrcFileChecksum;
import org.apache.hadoop.fs.ContentSummary;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileChecksum;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileRange;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FsServerDefaults;
import org.apache.hadoop.fs.FsStatus;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.MD5MD5CRC32FileChecksum;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.ParentNotDirectoryException;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIsNotEmptyDirectoryException;
import org.apache.hadoop.fs.QuotaUsage;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.client.HdfsDataInputStream;
import org.apache.hadoop.hdfs.client.HdfsDataOutputStream;
import org.apache.hadoop.hdfs.client.HdfsDataOutputStream.SyncFlag;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.apache.hadoop.ipc.RemoteException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.util.DataChecksum;

public final class FsProgram {
  interface Check {
    void run(Path d) throws Exception;
  }

  interface Body {
    void run() throws Exception;
  }

  static final Map<String, Check> CHECKS = new LinkedHashMap<>();
  static Configuration conf;
  static URI uri;
  static String otherName = "nobody";
  static int block = 1 << 20;
  static short replication = 2;
  static DistributedFileSystem fs, second, other;
  static String me;

  // ---- helpers

  static DistributedFileSystem connect(UserGroupInformation ugi) throws Exception {
    return connect(ugi, conf);
  }

  static DistributedFileSystem connect(UserGroupInformation ugi, Configuration c) throws Exception {
    return ugi.doAs((PrivilegedExceptionAction<DistributedFileSystem>) () -> (DistributedFileSystem) FileSystem.newInstance(uri, c));
  }

  static void that(boolean yes, String what) {
    if (!yes) {
      throw new AssertionError(what);
    }
  }

  static void same(Object want, Object got, String what) {
    if (!String.valueOf(want).equals(String.valueOf(got))) {
      throw new AssertionError(what + ": " + got + " instead of " + want);
    }
  }

  /** BODY must throw WANT, or a RemoteException that carries it; returns the message. */
  static String refused(Class<?> want, String what, Body body) throws Exception {
    return refused(want.getName(), what, body);
  }

  static String refused(String want, String what, Body body) throws Exception {
    try {
      body.run();
    } catch (RemoteException e) {
      same(want, e.getClassName(), what + " threw");
      return e.getMessage();
    } catch (Exception e) {
      same(want, e.getClass().getName(), what + " threw");
      return String.valueOf(e.getMessage());
    }
    throw new AssertionError(what + ": not refused (" + want + " expected)");
  }

  static byte[] bytes(long seed, int n) {
    byte[] b = new byte[n];
    new Random(seed * 7919 + n).nextBytes(b);
    return b;
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    for (byte[] p : parts) {
      o.write(p, 0, p.length);
    }
    return o.toByteArray();
  }

  static FSDataOutputStream create(Path p, CreateFlag... flags) throws IOException {
    EnumSet<CreateFlag> f = flags.length == 0 ? EnumSet.of(CreateFlag.CREATE) : EnumSet.copyOf(Arrays.asList(flags));
    return fs.create(p, new FsPermission((short) 0644), f, 4096, replication, block, null);
  }

  static void write(Path p, byte[] b, CreateFlag... flags) throws IOException {
    try (FSDataOutputStream o = create(p, flags)) {
      o.write(b);
    }
  }

  static byte[] read(FileSystem f, Path p) throws IOException {
    try (InputStream i = f.open(p)) {
      return i.readAllBytes();
    }
  }

  static void holds(Path p, byte[] want) throws IOException {
    same(want.length, fs.getFileStatus(p).getLen(), "length of " + p.getName());
    byte[] got = read(second, p);
    same(want.length, got.length, "bytes read of " + p.getName());
    int at = Arrays.mismatch(want, got);
    that(at < 0, p.getName() + " differs at byte " + at);
  }

  static void waitClosed(Path p) throws Exception {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!fs.isFileClosed(p)) {
      that(System.nanoTime() < end, p + " is still open after a minute");
      Thread.sleep(50);
    }
  }

  static void truncate(Path p, long n) throws Exception {
    if (!fs.truncate(p, n)) {
      waitClosed(p);
    }
    same(n, fs.getFileStatus(p).getLen(), "length after truncate");
  }

  static String names(FileStatus[] all) {
    StringBuilder b = new StringBuilder();
    for (FileStatus s : all) {
      b.append(b.length() == 0 ? "" : " ").append(s.getPath().getName()).append(s.isDirectory() ? "/" : "");
    }
    return b.toString();
  }

  static String inode(Path p) throws IOException {
    return "/.reserved/.inodes/" + ((HdfsFileStatus) fs.getFileStatus(p)).getFileId();
  }

  // ---- checks

  static void creation() {
    CHECKS.put("create.status", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(1, 3 * block + 7);
      long before = System.currentTimeMillis();
      write(p, b);
      holds(p, b);
      FileStatus s = fs.getFileStatus(p);
      same(me, s.getOwner(), "owner");
      same(fs.getFileStatus(d).getGroup(), s.getGroup(), "group (that of the directory)");
      same("rw-r--r--", s.getPermission(), "mode");
      same(replication, s.getReplication(), "replication");
      same(block, s.getBlockSize(), "block size");
      that(s.isFile() && !s.isDirectory() && !s.isSymlink(), "type");
      that(Math.abs(s.getModificationTime() - before) < 600_000, "modification time");
      that(s.getAccessTime() > 0 && s.getAccessTime() <= s.getModificationTime(), "access time");
      that(!s.isEncrypted() && !s.isErasureCoded() && !s.hasAcl() && !s.isSnapshotEnabled(), "attributes");
    });
    CHECKS.put("create.sizes", d -> {
      for (int n : new int[] {0, 1, 511, 512, 513, 64511, 64512, 64513, 65534, 65535, 65537, block - 1, block, block + 1, 2 * block - 1, 2 * block}) {
        Path p = new Path(d, "n" + n);
        write(p, bytes(n, n), CreateFlag.CREATE, CreateFlag.OVERWRITE);
        holds(p, bytes(n, n));
      }
    });
    CHECKS.put("create.pieces", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(2, block + block / 3);
      Random r = new Random(3);
      try (FSDataOutputStream o = create(p)) {
        for (int at = 0; at < b.length;) {
          int n = Math.min(b.length - at, 1 + r.nextInt(r.nextInt(5) == 0 ? 200_000 : 3000));
          o.write(b, at, n);
          at += n;
          same(at, o.getPos(), "position");
        }
      }
      holds(p, b);
    });
    CHECKS.put("create.exists", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 10));
      refused(FileAlreadyExistsException.class, "CREATE over a file", () -> create(p, CreateFlag.CREATE));
      refused(FileAlreadyExistsException.class, "CREATE over a directory", () -> create(d, CreateFlag.CREATE));
      refused(FileAlreadyExistsException.class, "OVERWRITE over a directory", () -> create(d, CreateFlag.CREATE, CreateFlag.OVERWRITE));
      refused(ParentNotDirectoryException.class, "CREATE below a file", () -> create(new Path(p, "x"), CreateFlag.CREATE));
      holds(p, bytes(1, 10));
    });
    CHECKS.put("create.overwrite", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 2 * block + 1));
      write(p, bytes(2, 100), CreateFlag.CREATE, CreateFlag.OVERWRITE);
      holds(p, bytes(2, 100));
      write(p, bytes(3, block), CreateFlag.OVERWRITE);
      holds(p, bytes(3, block));
      refused(FileNotFoundException.class, "OVERWRITE alone of what is missing", () -> create(new Path(d, "none"), CreateFlag.OVERWRITE));
    });
    CHECKS.put("create.overwrite.reader", d -> {
      // Who has the old file open reads the old bytes or fails: never a mixture.
      Path p = new Path(d, "f");
      byte[] old = bytes(1, block / 2), young = bytes(2, block / 2);
      write(p, old);
      try (FSDataInputStream i = second.open(p)) {
        write(p, young, CreateFlag.CREATE, CreateFlag.OVERWRITE);
        try {
          that(Arrays.equals(old, i.readAllBytes()), "bytes of neither file");
        } catch (IOException e) {
          // allowed: the old file is gone
        }
      }
      holds(p, young);
    });
    CHECKS.put("create.parents", d -> {
      Path p = new Path(d, "a/b/f");
      refused(FileNotFoundException.class, "createNonRecursive", () -> fs.createNonRecursive(p, FsPermission.getFileDefault(), EnumSet.of(CreateFlag.CREATE), 4096,
          replication, block, null));
      that(!fs.exists(new Path(d, "a")), "the refused creation made a directory");
      write(p, bytes(1, 5));
      that(fs.getFileStatus(new Path(d, "a/b")).isDirectory(), "parents are made");
      fs.createNonRecursive(new Path(d, "a/b/g"), FsPermission.getFileDefault(), EnumSet.of(CreateFlag.CREATE), 4096, replication, block, null).close();
      same("f g", names(fs.listStatus(new Path(d, "a/b"))), "listing");
    });
    for (CreateFlag flag : new CreateFlag[] {CreateFlag.SYNC_BLOCK, CreateFlag.LAZY_PERSIST, CreateFlag.NO_LOCAL_WRITE, CreateFlag.SHOULD_REPLICATE,
        CreateFlag.IGNORE_CLIENT_LOCALITY, CreateFlag.NO_LOCAL_RACK}) {
      CHECKS.put("create.flag." + flag, d -> {
        Path p = new Path(d, "f");
        byte[] b = bytes(1, block + 4097);
        write(p, b, CreateFlag.CREATE, flag);
        holds(p, b);
        write(p, bytes(2, 20), CreateFlag.CREATE, CreateFlag.OVERWRITE, flag);
        holds(p, bytes(2, 20));
      });
    }
    CHECKS.put("create.flag.APPEND", d -> {
      Path p = new Path(d, "f");
      FileContext fc = FileContext.getFileContext(uri, conf);
      for (int i = 0; i < 2; i++) {
        try (FSDataOutputStream o = fc.create(p, EnumSet.of(CreateFlag.CREATE, CreateFlag.APPEND), Options.CreateOpts.blockSize(block),
            Options.CreateOpts.repFac(replication))) {
          o.write(bytes(i, 700));
        }
      }
      holds(p, join(bytes(0, 700), bytes(1, 700)));
      refused("org.apache.hadoop.HadoopIllegalArgumentException", "OVERWRITE with APPEND", () -> fc.create(p, EnumSet.of(CreateFlag.CREATE, CreateFlag.APPEND,
          CreateFlag.OVERWRITE)));
    });
    CHECKS.put("create.builder", d -> {
      Path p = new Path(d, "x/f");
      try (FSDataOutputStream o = fs.createFile(p).recursive().overwrite(false).replication(replication).blockSize(block).permission(new FsPermission((short) 0600))
          .replicate().build()) {
        o.write(bytes(1, 1000));
      }
      holds(p, bytes(1, 1000));
      same("rw-------", fs.getFileStatus(p).getPermission(), "mode");
      refused(FileAlreadyExistsException.class, "createFile without overwrite", () -> fs.createFile(p).overwrite(false).build().close());
      try (FSDataOutputStream o = fs.appendFile(p).build()) {
        o.write(bytes(2, 1000));
      }
      holds(p, join(bytes(1, 1000), bytes(2, 1000)));
      refused(FileNotFoundException.class, "appendFile of what is missing", () -> fs.appendFile(new Path(d, "none")).build().close());
    });
    CHECKS.put("create.umask", d -> {
      Configuration c = new Configuration(conf);
      c.set("fs.permissions.umask-mode", "027");
      try (FileSystem f = connect(UserGroupInformation.getLoginUser(), c)) {
        f.create(new Path(d, "f")).close();
        f.mkdirs(new Path(d, "d"));
        f.mkdirs(new Path(d, "e"), new FsPermission((short) 01777));
      }
      same("rw-r-----", fs.getFileStatus(new Path(d, "f")).getPermission(), "file");
      same("rwxr-x---", fs.getFileStatus(new Path(d, "d")).getPermission(), "directory");
      same("rwxr-x---", fs.getFileStatus(new Path(d, "e")).getPermission(), "the client's umask takes the sticky bit too");
      fs.setPermission(new Path(d, "e"), new FsPermission((short) 01770));
      same("rwxrwx--T", fs.getFileStatus(new Path(d, "e")).getPermission(), "sticky directory");
    });
    CHECKS.put("create.names", d -> {
      String[] all = {"with space", "percent%41", "plus+and;semi", "quote'\"", "\u00e9\u4e2d\u6587\ud83d\ude00", "star*", "a".repeat(255), "-dash", "..dots", "[x]", "tab\there"};
      for (String n : all) {
        Path p = new Path(d.toUri().getPath() + "/" + n);
        write(p, n.getBytes("UTF-8"));
        holds(p, n.getBytes("UTF-8"));
      }
      same(all.length, fs.listStatus(d).length, "entries");
      for (FileStatus s : fs.listStatus(d)) {
        that(Arrays.asList(all).contains(s.getPath().getName()), "listed " + s.getPath().getName());
      }
      refused("org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException", "256 bytes", () -> create(new Path(d, "b".repeat(256))));
    });
    CHECKS.put("create.limits", d -> {
      refused(IOException.class, "replication 0", () -> fs.create(new Path(d, "f"), FsPermission.getFileDefault(), EnumSet.of(CreateFlag.CREATE), 4096, (short) 0, block,
          null).close());
      refused(IOException.class, "replication 513", () -> fs.create(new Path(d, "f"), FsPermission.getFileDefault(), EnumSet.of(CreateFlag.CREATE), 4096, (short) 513,
          block, null).close());
      that(!fs.exists(new Path(d, "f")), "a refused creation left a file");
      fs.create(new Path(d, "g"), FsPermission.getFileDefault(), EnumSet.of(CreateFlag.CREATE), 4096, (short) 10, block, null).close();
      same(10, fs.getFileStatus(new Path(d, "g")).getReplication(), "more replicas than datanodes are accepted");
    });
    CHECKS.put("create.abandoned", d -> {
      // A file that is open can be deleted; its writer then fails.
      Path p = new Path(d, "f");
      FSDataOutputStream o = create(p);
      o.write(bytes(1, 100));
      o.hflush();
      that(second.delete(p, false), "delete");
      o.write(bytes(2, 100));
      refused(FileNotFoundException.class, "close of a deleted file", () -> o.close());
      that(!fs.exists(p), "it is back");
    });
    CHECKS.put("create.busy", d -> {
      Path p = new Path(d, "f");
      String busy = "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException";
      try (FSDataOutputStream o = create(p)) {
        o.write(bytes(1, 1000));
        o.hflush();
        refused(busy, "create of an open file", () -> second.create(p, false).close());
        refused(busy, "append to an open file", () -> second.append(p).close());
        refused(busy, "truncate of an open file", () -> second.truncate(p, 1));
        that(!fs.isFileClosed(p), "open");
      }
      that(fs.isFileClosed(p), "closed");
      holds(p, bytes(1, 1000));
    });
    CHECKS.put("create.renamed", d -> {
      // Renaming a file that is being written does not disturb its writer.
      Path p = new Path(d, "f"), q = new Path(d, "g");
      byte[] b = bytes(1, 2 * block + 5);
      try (FSDataOutputStream o = create(p)) {
        o.write(b, 0, block / 2);
        o.hflush();
        that(second.rename(p, q), "rename");
        o.write(b, block / 2, b.length - block / 2);
      }
      holds(q, b);
      that(!fs.exists(p), "the old name is gone");
    });
    CHECKS.put("create.parallel", d -> {
      ExecutorService pool = Executors.newFixedThreadPool(8);
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        int k = i;
        all.add(pool.submit(() -> {
          Path p = new Path(d, "f" + k);
          byte[] b = bytes(k, k * 40_009);
          write(p, b);
          holds(p, b);
          return null;
        }));
      }
      for (Future<?> f : all) {
        f.get();
      }
      pool.shutdown();
      same(32, fs.listStatus(d).length, "files");
    });
  }

  static void appending() {
    CHECKS.put("append.sizes", d -> {
      for (int n : new int[] {0, 1, 511, 512, 700, block - 1, block, block + 100}) {
        for (int m : new int[] {1, 512, 70_001, block}) {
          Path p = new Path(d, "f" + n + "+" + m);
          write(p, bytes(1, n));
          try (FSDataOutputStream o = second.append(p)) {
            same(n, o.getPos(), "position after append");
            o.write(bytes(2, m));
          }
          holds(p, join(bytes(1, n), bytes(2, m)));
        }
      }
    });
    CHECKS.put("append.many", d -> {
      Path p = new Path(d, "f");
      write(p, new byte[0]);
      byte[] all = new byte[0];
      for (int i = 0; i < 25; i++) {
        byte[] more = bytes(i, 1 + i * 977);
        try (FSDataOutputStream o = (i % 2 == 0 ? fs : second).append(p)) {
          o.write(more);
        }
        all = join(all, more);
        same(all.length, fs.getFileStatus(p).getLen(), "length after append " + i);
      }
      holds(p, all);
      same(replication, fs.getFileStatus(p).getReplication(), "replication");
      same(block, fs.getFileStatus(p).getBlockSize(), "block size");
    });
    CHECKS.put("append.nothing", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 777));
      fs.append(p).close();
      holds(p, bytes(1, 777));
      that(fs.isFileClosed(p), "closed");
    });
    CHECKS.put("append.new_block", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 777));
      try (FSDataOutputStream o = fs.append(p, EnumSet.of(CreateFlag.APPEND, CreateFlag.NEW_BLOCK), 4096, null)) {
        o.write(bytes(2, 555));
      }
      holds(p, join(bytes(1, 777), bytes(2, 555)));
      same(2, fs.getFileBlockLocations(p, 0, 9999).length, "blocks");
    });
    CHECKS.put("append.hflush", d -> {
      Path p = new Path(d, "f");
      byte[] a = bytes(1, 1000), b = bytes(2, 333), c = bytes(3, 70_000);
      write(p, a);
      try (FSDataOutputStream o = fs.append(p)) {
        o.write(b);
        o.hflush();
        that(Arrays.equals(join(a, b), read(second, p)), "what a second reader sees after the first hflush");
        o.write(c);
        o.hflush();
        that(Arrays.equals(join(a, b, c), read(second, p)), "what a second reader sees after the second hflush");
      }
      holds(p, join(a, b, c));
    });
    CHECKS.put("append.refused", d -> {
      refused(FileNotFoundException.class, "append to what is missing", () -> fs.append(new Path(d, "none")));
      refused(FileAlreadyExistsException.class, "append to a directory", () -> fs.append(d));
      Path p = new Path(d, "f");
      write(p, bytes(1, 10));
      fs.setPermission(d, new FsPermission((short) 0755));
      refused(AccessControlException.class, "append by another user", () -> other.append(p));
    });
  }

  static void flushing() {
    CHECKS.put("hflush.reader", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(1, 2 * block + 999);
      try (FSDataOutputStream o = create(p)) {
        int at = 0;
        for (int n : new int[] {1, 99, 412, 513, block / 16 - 1000, block / 16, 3, block - block / 4, block / 85, block / 2}) {
          o.write(b, at, n);
          at += n;
          o.hflush();
          byte[] got = read(second, p);
          same(at, got.length, "bytes that a second reader sees");
          that(Arrays.equals(Arrays.copyOf(b, at), got), "content at " + at);
        }
        o.write(b, at, b.length - at);
      }
      holds(p, b);
    });
    CHECKS.put("hflush.visible_length", d -> {
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        o.write(bytes(1, 1234));
        o.hflush();
        try (HdfsDataInputStream i = (HdfsDataInputStream) second.open(p)) {
          same(1234, i.getVisibleLength(), "visible length");
        }
        o.write(bytes(2, 4321));
        o.hflush();
        try (HdfsDataInputStream i = (HdfsDataInputStream) second.open(p)) {
          same(5555, i.getVisibleLength(), "visible length");
          byte[] tail = new byte[5];
          i.readFully(5550, tail);
          that(Arrays.equals(tail, Arrays.copyOfRange(bytes(2, 4321), 4316, 4321)), "the last bytes");
        }
      }
    });
    CHECKS.put("hflush.empty", d -> {
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        o.hflush();
        same(0, read(second, p).length, "bytes");
        o.hflush();
        o.hsync();
      }
      holds(p, new byte[0]);
    });
    CHECKS.put("hflush.repeated", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(1, 3000);
      try (FSDataOutputStream o = create(p)) {
        for (int at = 0; at < b.length; at += 10) {
          o.write(b, at, 10);
          o.hflush();
        }
        that(Arrays.equals(b, read(second, p)), "a second reader");
      }
      holds(p, b);
    });
    CHECKS.put("hflush.pipelined_reader", d -> {
      // A reader that was opened before sees the old length, and a new one the new.
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        o.write(bytes(1, 100));
        o.hflush();
        try (FSDataInputStream i = second.open(p)) {
          o.write(bytes(2, 100));
          o.hflush();
          byte[] got = i.readNBytes(100);
          that(Arrays.equals(bytes(1, 100), got), "the first 100");
        }
        same(200, read(second, p).length, "length for a new reader");
      }
    });
    CHECKS.put("hsync.reader", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(1, block + 77);
      try (FSDataOutputStream o = create(p)) {
        o.write(b, 0, 1000);
        o.hsync();
        that(Arrays.equals(Arrays.copyOf(b, 1000), read(second, p)), "after the first hsync");
        o.write(b, 1000, block - 1000);
        o.hsync();
        that(Arrays.equals(Arrays.copyOf(b, block), read(second, p)), "after a full block");
        o.write(b, block, 77);
        o.hsync();
        that(Arrays.equals(b, read(second, p)), "after the block's edge");
      }
      holds(p, b);
    });
    CHECKS.put("hsync.update_length", d -> {
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        o.write(bytes(1, 1000));
        ((HdfsDataOutputStream) o).hsync(EnumSet.of(SyncFlag.UPDATE_LENGTH));
        same(1000, second.getFileStatus(p).getLen(), "length at the namenode");
        o.write(bytes(2, 500));
        ((HdfsDataOutputStream) o).hsync(EnumSet.of(SyncFlag.UPDATE_LENGTH));
        same(1500, second.getFileStatus(p).getLen(), "length at the namenode");
        same(1500, second.getContentSummary(d).getLength(), "content summary of the directory");
      }
      holds(p, join(bytes(1, 1000), bytes(2, 500)));
    });
    CHECKS.put("hsync.end_block", d -> {
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        o.write(bytes(1, 1000));
        ((HdfsDataOutputStream) o).hsync(EnumSet.of(SyncFlag.END_BLOCK));
        o.write(bytes(2, 2000));
      }
      holds(p, join(bytes(1, 1000), bytes(2, 2000)));
      same(2, fs.getFileBlockLocations(p, 0, 9999).length, "blocks");
    });
    CHECKS.put("stream.capabilities", d -> {
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = create(p)) {
        that(o.hasCapability("hflush") && o.hasCapability("hsync"), "hflush and hsync");
        HdfsDataOutputStream h = (HdfsDataOutputStream) o;
        o.write(bytes(1, 10));
        o.hflush();
        same(Math.min(replication, fs.getDataNodeStats().length), h.getCurrentBlockReplication(), "replicas of the block being written");
      }
    });
  }

  static void reading() {
    CHECKS.put("read.positioned", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(1, 4 * block + 4001);
      write(p, b);
      Random r = new Random(5);
      try (FSDataInputStream i = second.open(p)) {
        for (int k = 0; k < 300; k++) {
          int at = r.nextInt(b.length), n = 1 + r.nextInt(k % 10 == 0 ? 2 * block : 5000);
          if (k % 7 == 0) {
            at = Math.min(b.length - 1, (1 + r.nextInt(4)) * block - r.nextInt(3));
          }
          n = Math.min(n, b.length - at);
          byte[] got = new byte[n];
          i.readFully(at, got);
          that(Arrays.equals(Arrays.copyOfRange(b, at, at + n), got), "bytes " + at + "+" + n);
        }
        same(0, i.getPos(), "positioned reads leave the position");
      }
    });
    CHECKS.put("read.seek", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(2, 3 * block + 11);
      write(p, b);
      Random r = new Random(6);
      try (FSDataInputStream i = second.open(p)) {
        for (int k = 0; k < 200; k++) {
          int at = r.nextInt(b.length + 1), n = 1 + r.nextInt(k % 10 == 0 ? block : 3000);
          i.seek(at);
          same(at, i.getPos(), "position");
          byte[] got = i.readNBytes(n);
          that(Arrays.equals(Arrays.copyOfRange(b, at, Math.min(b.length, at + n)), got), "bytes " + at + "+" + n);
        }
      }
    });
    CHECKS.put("read.edges", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(3, 1000);
      write(p, b);
      try (FSDataInputStream i = second.open(p)) {
        byte[] buf = new byte[10];
        same(-1, i.read(1000, buf, 0, 10), "positioned read at the end");
        same(-1, i.read(5000, buf, 0, 10), "positioned read past the end");
        refused(EOFException.class, "readFully over the end", () -> i.readFully(995, buf));
        refused(EOFException.class, "seek past the end", () -> i.seek(1001));
        i.seek(1000);
        same(-1, i.read(), "read at the end");
        i.seek(990);
        same(10, i.read(new byte[100], 0, 100), "read over the end");
        same(0, i.available(), "available at the end");
        i.seek(0);
        same(1000, i.available(), "available at the beginning");
        same(500, i.skip(500), "skip");
        same(b[500] & 255, i.read(), "byte after the skip");
        same(499, i.skip(1000), "skip over the end");
      }
      Path e = new Path(d, "e");
      write(e, new byte[0]);
      try (FSDataInputStream i = second.open(e)) {
        same(-1, i.read(), "read of an empty file");
        same(-1, i.read(0, new byte[1], 0, 1), "positioned read of an empty file");
      }
      refused(FileNotFoundException.class, "open of what is missing", () -> fs.open(new Path(d, "none")));
      refused(FileNotFoundException.class, "open of a directory", () -> fs.open(d));
    });
    CHECKS.put("read.bytebuffer", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(4, block + 5000);
      write(p, b);
      try (FSDataInputStream i = second.open(p)) {
        for (ByteBuffer buf : new ByteBuffer[] {ByteBuffer.allocate(3000), ByteBuffer.allocateDirect(3000)}) {
          i.seek(0);
          for (int at = 0; at < b.length;) {
            buf.clear();
            int n = i.read(buf);
            that(n > 0, "read " + n + " at " + at);
            buf.flip();
            for (int k = 0; k < n; k++) {
              that(buf.get(k) == b[at + k], "byte " + (at + k));
            }
            at += n;
          }
          buf.clear();
          same(-1, i.read(buf), "at the end");
          buf.clear();
          i.readFully(block - 1500, buf);
          buf.flip();
          for (int k = 0; k < 3000; k++) {
            that(buf.get(k) == b[block - 1500 + k], "positioned byte " + k);
          }
        }
      }
    });
    CHECKS.put("read.vectored", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(5, 2 * block + 100);
      write(p, b);
      List<FileRange> ranges = new ArrayList<>();
      for (int at : new int[] {0, 5000, block - 10, block + block / 12, 2 * block + 50}) {
        ranges.add(FileRange.createFileRange(at, 50));
      }
      try (FSDataInputStream i = second.open(p)) {
        i.readVectored(ranges, ByteBuffer::allocate);
        for (FileRange r : ranges) {
          ByteBuffer got = r.getData().get(30, TimeUnit.SECONDS);
          byte[] x = new byte[50];
          got.get(x);
          that(Arrays.equals(Arrays.copyOfRange(b, (int) r.getOffset(), (int) r.getOffset() + 50), x), "range at " + r.getOffset());
        }
      }
    });
    CHECKS.put("read.unbuffer", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(6, block + 100);
      write(p, b);
      try (FSDataInputStream i = second.open(p)) {
        i.readNBytes(1000);
        i.unbuffer();
        that(Arrays.equals(Arrays.copyOfRange(b, 1000, 2000), i.readNBytes(1000)), "after unbuffer");
        i.setReadahead(0L);
        i.setDropBehind(true);
        that(Arrays.equals(Arrays.copyOfRange(b, 2000, b.length), i.readAllBytes()), "the rest");
      }
    });
    CHECKS.put("read.parallel", d -> {
      Path p = new Path(d, "f");
      byte[] b = bytes(7, 3 * block);
      write(p, b);
      ExecutorService pool = Executors.newFixedThreadPool(6);
      List<Future<?>> all = new ArrayList<>();
      try (FSDataInputStream i = second.open(p)) {
        for (int k = 0; k < 60; k++) {
          int at = (k * 7919 * 31) % (b.length - 4000);
          all.add(pool.submit(() -> {
            byte[] got = new byte[4000];
            i.readFully(at, got);
            that(Arrays.equals(Arrays.copyOfRange(b, at, at + 4000), got), "bytes at " + at);
            return null;
          }));
        }
        for (Future<?> f : all) {
          f.get();
        }
      }
      pool.shutdown();
    });
    CHECKS.put("read.by_inode", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 999));
      that(Arrays.equals(bytes(1, 999), read(second, new Path(inode(p)))), "a file by its inode number");
      that(Arrays.equals(bytes(1, 999), read(second, new Path(inode(d) + "/f"))), "a name below a directory's inode number");
      String was = inode(p);
      that(fs.rename(p, new Path(d, "g")), "rename");
      that(Arrays.equals(bytes(1, 999), read(second, new Path(was))), "after a rename");
      same(was, inode(new Path(d, "g")), "a rename keeps the inode number");
    });
  }

  static void truncating() {
    CHECKS.put("truncate.places", d -> {
      byte[] b = bytes(1, 3 * block + 700);
      int k = 0;
      for (int n : new int[] {b.length, b.length - 1, 3 * block + 512, 3 * block + 1, 3 * block, 3 * block - 1, 2 * block, block + 513, 1, 0}) {
        Path p = new Path(d, "f" + k++);
        write(p, b);
        truncate(p, n);
        holds(p, Arrays.copyOf(b, n));
        ContentSummary c = fs.getContentSummary(p);
        same(n, c.getLength(), "length in the content summary");
      }
    });
    CHECKS.put("truncate.then_append", d -> {
      Path p = new Path(d, "f");
      byte[] all = bytes(1, 2 * block + 300);
      write(p, all);
      for (int n : new int[] {2 * block + 100, block + 77, block, 333, 0}) {
        truncate(p, n);
        byte[] more = bytes(n, 5000);
        try (FSDataOutputStream o = fs.append(p)) {
          o.write(more);
        }
        all = join(Arrays.copyOf(all, n), more);
        holds(p, all);
      }
    });
    CHECKS.put("truncate.refused", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 100));
      refused("org.apache.hadoop.HadoopIllegalArgumentException", "longer than the file", () -> fs.truncate(p, 101));
      refused("org.apache.hadoop.HadoopIllegalArgumentException", "negative", () -> fs.truncate(p, -1));
      refused(FileNotFoundException.class, "missing", () -> fs.truncate(new Path(d, "none"), 0));
      refused(FileNotFoundException.class, "directory", () -> fs.truncate(d, 0));
      refused(AccessControlException.class, "another user", () -> other.truncate(p, 0));
      that(fs.truncate(p, 100), "to its length: true");
      holds(p, bytes(1, 100));
    });
    CHECKS.put("truncate.reader", d -> {
      // An open reader may see the old bytes, the shorter file or an error, but no other bytes.
      Path p = new Path(d, "f");
      byte[] b = bytes(1, block + 5000);
      write(p, b);
      try (FSDataInputStream i = second.open(p)) {
        i.readNBytes(10);
        truncate(p, 1000);
        try {
          byte[] got = i.readAllBytes();
          that(Arrays.equals(Arrays.copyOfRange(b, 10, 10 + got.length), got), "bytes that never were in the file");
        } catch (IOException e) {
          // allowed
        }
      }
    });
  }

  static void concatenating() {
    CHECKS.put("concat.several", d -> {
      List<Path> src = new ArrayList<>();
      byte[] all = bytes(99, 1500);
      Path t = new Path(d, "t");
      write(t, all);
      int k = 0;
      for (int n : new int[] {1, 512, block, block + 1, 2 * block - 7, 333}) {
        Path p = new Path(d, "s" + k);
        write(p, bytes(k, n));
        src.add(p);
        all = join(all, bytes(k++, n));
      }
      fs.concat(t, src.toArray(new Path[0]));
      holds(t, all);
      same("t", names(fs.listStatus(d)), "the sources are gone");
      same(all.length, fs.getContentSummary(d).getLength(), "length of the directory");
      Random r = new Random(1);
      try (FSDataInputStream i = second.open(t)) {
        for (int j = 0; j < 200; j++) {
          int at = r.nextInt(all.length), n = Math.min(all.length - at, 1 + r.nextInt(4000));
          byte[] got = new byte[n];
          i.readFully(at, got);
          that(Arrays.equals(Arrays.copyOfRange(all, at, at + n), got), "bytes " + at + "+" + n);
        }
      }
      // With NEW_BLOCK, since Hadoop's client takes the last block's length from that of the file and fails when blocks before it are short.
      byte[] more = bytes(7, 4000);
      try (FSDataOutputStream o = fs.append(t, EnumSet.of(CreateFlag.APPEND, CreateFlag.NEW_BLOCK), 4096, null)) {
        o.write(more);
      }
      all = join(all, more);
      holds(t, all);
      truncate(t, 1501);
      holds(t, Arrays.copyOf(all, 1501));
    });
    CHECKS.put("concat.empty_target", d -> {
      Path t = new Path(d, "t"), s = new Path(d, "s");
      write(t, new byte[0]);
      write(s, bytes(1, 700));
      fs.concat(t, new Path[] {s});
      holds(t, bytes(1, 700));
    });
    CHECKS.put("concat.refused", d -> {
      Path t = new Path(d, "t"), s = new Path(d, "s"), e = new Path(d, "e"), x = new Path(d, "x/s");
      write(t, bytes(1, 100));
      write(s, bytes(2, 100));
      write(e, new byte[0]);
      write(x, bytes(3, 100));
      String bad = "org.apache.hadoop.HadoopIllegalArgumentException";
      refused(bad, "an empty source", () -> fs.concat(t, new Path[] {e}));
      refused(bad, "a source twice", () -> fs.concat(t, new Path[] {s, s}));
      refused(bad, "the target as a source", () -> fs.concat(t, new Path[] {t}));
      refused(bad, "a source in another directory", () -> fs.concat(t, new Path[] {x}));
      refused(FileNotFoundException.class, "a missing source", () -> fs.concat(t, new Path[] {new Path(d, "none")}));
      refused(FileNotFoundException.class, "a missing target", () -> fs.concat(new Path(d, "none"), new Path[] {s}));
      refused(AccessControlException.class, "another user", () -> other.concat(t, new Path[] {s}));
      holds(t, bytes(1, 100));
      holds(s, bytes(2, 100));
    });
  }

  static void renaming() {
    CHECKS.put("rename.old", d -> {
      Path f = new Path(d, "f"), g = new Path(d, "g"), dir = new Path(d, "dir"), sub = new Path(dir, "sub");
      write(f, bytes(1, 10));
      fs.mkdirs(sub);
      that(fs.rename(f, g), "a file to a new name");
      holds(g, bytes(1, 10));
      that(!fs.rename(f, new Path(d, "h")), "what is missing");
      write(f, bytes(2, 20));
      that(!fs.rename(f, g), "onto a file");
      that(fs.rename(f, dir), "into a directory");
      holds(new Path(dir, "f"), bytes(2, 20));
      write(f, bytes(3, 30));
      that(!fs.rename(f, dir), "into a directory that has the name");
      that(!fs.rename(dir, sub), "a directory below itself");
      that(!fs.rename(dir, dir), "a directory onto itself");
      that(fs.rename(f, f), "a file onto itself");
      that(!fs.rename(f, new Path(d, "none/x")), "to a missing directory");
      refused(ParentNotDirectoryException.class, "below a file", () -> fs.rename(dir, new Path(f, "x")));
      Path moved = new Path(d, "moved");
      that(fs.rename(dir, moved), "a directory");
      same("f sub/", names(fs.listStatus(moved)), "what is in it");
      same("f g moved/", names(fs.listStatus(d)), "and beside it");
    });
    CHECKS.put("rename.new", d -> {
      FileContext fc = FileContext.getFileContext(uri, conf);
      Path f = new Path(d, "f"), g = new Path(d, "g"), dir = new Path(d, "dir"), empty = new Path(d, "empty");
      write(f, bytes(1, 10));
      write(g, bytes(2, 20));
      fs.mkdirs(new Path(dir, "sub"));
      fs.mkdirs(empty);
      refused(FileAlreadyExistsException.class, "onto a file", () -> fc.rename(f, g));
      refused(FileAlreadyExistsException.class, "onto an empty directory", () -> fc.rename(dir, empty));
      refused(FileAlreadyExistsException.class, "onto itself", () -> fc.rename(f, f, Options.Rename.OVERWRITE));
      refused(FileNotFoundException.class, "what is missing", () -> fc.rename(new Path(d, "none"), g, Options.Rename.OVERWRITE));
      refused(FileNotFoundException.class, "to a missing directory", () -> fc.rename(f, new Path(d, "none/x")));
      refused(IOException.class, "a file onto a directory", () -> fc.rename(f, empty, Options.Rename.OVERWRITE));
      refused(IOException.class, "a directory onto a file", () -> fc.rename(dir, f, Options.Rename.OVERWRITE));
      refused(IOException.class, "onto a directory that is not empty", () -> fc.rename(empty, dir, Options.Rename.OVERWRITE));
      refused(IOException.class, "below itself", () -> fc.rename(dir, new Path(dir, "sub/x")));
      holds(f, bytes(1, 10));
      holds(g, bytes(2, 20));
      fc.rename(f, g, Options.Rename.OVERWRITE);
      holds(g, bytes(1, 10));
      that(!fs.exists(f), "the old name is gone");
      fc.rename(dir, empty, Options.Rename.OVERWRITE);
      same("empty/ g", names(fs.listStatus(d)), "listing");
      same("sub/", names(fs.listStatus(empty)), "listing below");
      fc.rename(g, new Path(d, "h"));
      holds(new Path(d, "h"), bytes(1, 10));
    });
    CHECKS.put("rename.permission", d -> {
      fs.setPermission(d, new FsPermission((short) 0777));
      Path mine = new Path(d, "mine"), open = new Path(d, "open"), sticky = new Path(d, "sticky");
      for (Path p : new Path[] {mine, open, sticky}) {
        fs.mkdirs(p);
        write(new Path(p, "f"), bytes(1, 10));
      }
      fs.setPermission(mine, new FsPermission((short) 0755));
      fs.setPermission(open, new FsPermission((short) 0777));
      fs.setPermission(sticky, new FsPermission((short) 01777));
      refused(AccessControlException.class, "out of a directory without w", () -> other.rename(new Path(mine, "f"), new Path(open, "g")));
      refused(AccessControlException.class, "into a directory without w", () -> other.rename(new Path(open, "f"), new Path(mine, "g")));
      refused(AccessControlException.class, "out of a sticky directory", () -> other.rename(new Path(sticky, "f"), new Path(open, "g")));
      that(other.rename(new Path(open, "f"), new Path(open, "g")), "in an open directory");
    });
  }

  static long crc(Checksum c, byte[] b, int from, int n) {
    c.reset();
    c.update(b, from, n);
    return c.getValue();
  }

  /**
   * Hadoop's MD5-of-MD5-of-CRC of a file whose blocks are all full but the last.  Its client digests the whole buffer in which it has
   * gathered the blocks' sums: 32 bytes, doubled until they fit, zeros behind them.
   */
  static byte[] md5md5(byte[] b, int blockSize, int chunk, Checksum c) throws Exception {
    ByteArrayOutputStream sums = new ByteArrayOutputStream();
    for (int at = 0; at < b.length; at += blockSize) {
      MessageDigest one = MessageDigest.getInstance("MD5");
      int end = Math.min(b.length, at + blockSize);
      for (int k = at; k < end; k += chunk) {
        one.update(ByteBuffer.allocate(4).putInt((int) crc(c, b, k, Math.min(chunk, end - k))).array());
      }
      sums.write(one.digest(), 0, 16);
    }
    int size = 32;
    while (size < sums.size()) {
      size *= 2;
    }
    return MessageDigest.getInstance("MD5").digest(Arrays.copyOf(sums.toByteArray(), size));
  }

  static void checksums() {
    CHECKS.put("checksum.md5", d -> {
      for (int n : new int[] {1, 512, 1000, block, 2 * block + 13}) {
        Path p = new Path(d, "f" + n);
        byte[] b = bytes(1, n);
        write(p, b);
        FileChecksum c = second.getFileChecksum(p);
        that(c instanceof MD5MD5CRC32FileChecksum, "kind " + c.getAlgorithmName());
        byte[] raw = c.getBytes();
        byte[] want = md5md5(b, block, 512, new CRC32C());
        that(Arrays.equals(want, Arrays.copyOfRange(raw, 12, 28)), "checksum of " + n + " bytes");
        same(n <= block ? "MD5-of-0MD5-of-512CRC32C" : "MD5-of-" + block / 512 + "MD5-of-512CRC32C", c.getAlgorithmName(), "name");
      }
    });
    CHECKS.put("checksum.composite", d -> {
      Configuration c = new Configuration(conf);
      c.set("dfs.checksum.combine.mode", "COMPOSITE_CRC");
      try (DistributedFileSystem f = connect(UserGroupInformation.getLoginUser(), c)) {
        for (int n : new int[] {1, 511, 512, 1000, block, 2 * block + 13}) {
          Path p = new Path(d, "f" + n);
          byte[] b = bytes(1, n);
          write(p, b);
          composite(f, p, b, b.length);
          composite(f, p, b, n / 2 + 1);
        }
        // whatever the blocks are: appended, truncated, concatenated
        Path p = new Path(d, "f1000"), q = new Path(d, "f511");
        byte[] all = join(bytes(1, 1000), bytes(8, 3000));
        try (FSDataOutputStream o = fs.append(p)) {
          o.write(bytes(8, 3000));
        }
        composite(f, p, all, all.length);
        truncate(p, 2345);
        all = Arrays.copyOf(all, 2345);
        composite(f, p, all, all.length);
        fs.concat(p, new Path[] {q});
        all = join(all, bytes(1, 511));
        composite(f, p, all, all.length);
        composite(f, p, all, 2400);
        Path e = new Path(d, "e");
        write(e, new byte[0]);
        f.getFileChecksum(e);
      }
    });
    CHECKS.put("checksum.types", d -> {
      for (DataChecksum.Type type : new DataChecksum.Type[] {DataChecksum.Type.CRC32, DataChecksum.Type.CRC32C}) {
        for (int chunk : new int[] {512, 4096}) {
          Path p = new Path(d, type + "-" + chunk);
          byte[] b = bytes(1, block + 12_345);
          try (FSDataOutputStream o = fs.create(p, new FsPermission((short) 0644), EnumSet.of(CreateFlag.CREATE), 4096, replication, block, null,
              new Options.ChecksumOpt(type, chunk))) {
            o.write(b);
          }
          holds(p, b);
          FileChecksum c = second.getFileChecksum(p);
          byte[] raw = c.getBytes();
          // A server may keep checksums of another grid than the writer's (bdfs: always 512 bytes), and then it says so.
          int kept = c.getAlgorithmName().contains("MD5-of-" + chunk + type) ? chunk : 512;
          byte[] want = md5md5(b, block, kept, type == DataChecksum.Type.CRC32 ? new CRC32() : new CRC32C());
          that(Arrays.equals(want, Arrays.copyOfRange(raw, 12, 28)), "checksum of " + p.getName());
          same("MD5-of-" + block / kept + "MD5-of-" + kept + type, c.getAlgorithmName(), "name");
        }
      }
    });
    CHECKS.put("checksum.append_other_type", d -> {
      // The second writer's checksum is its own affair: the file reads back right.
      Path p = new Path(d, "f");
      try (FSDataOutputStream o = fs.create(p, new FsPermission((short) 0644), EnumSet.of(CreateFlag.CREATE), 4096, replication, block, null,
          new Options.ChecksumOpt(DataChecksum.Type.CRC32, 512))) {
        o.write(bytes(1, 1300));
      }
      try (FSDataOutputStream o = fs.append(p)) {
        o.write(bytes(2, 1300));
      }
      holds(p, join(bytes(1, 1300), bytes(2, 1300)));
    });
    CHECKS.put("checksum.refused", d -> {
      refused(FileNotFoundException.class, "missing", () -> fs.getFileChecksum(new Path(d, "none")));
      refused(FileNotFoundException.class, "directory", () -> fs.getFileChecksum(d));
    });
  }

  static void composite(DistributedFileSystem f, Path p, byte[] b, int n) throws Exception {
    FileChecksum c = n == b.length ? f.getFileChecksum(p) : f.getFileChecksum(p, n);
    that(c instanceof CompositeCrcFileChecksum, "kind " + c.getAlgorithmName());
    same("COMPOSITE-CRC32C", c.getAlgorithmName(), "name");
    same(Long.toHexString(crc(new CRC32C(), b, 0, n)), Long.toHexString(ByteBuffer.wrap(c.getBytes()).getInt() & 0xffffffffL), "checksum of the first " + n
        + " bytes of " + p.getName());
  }

  static void permissions() {
    CHECKS.put("access.files", d -> {
      Path p = new Path(d, "f");
      write(p, bytes(1, 10));
      for (int mode = 0; mode < 8; mode++) {
        fs.setPermission(p, new FsPermission((short) mode));
        for (FsAction a : FsAction.values()) {
          if (FsAction.values()[mode].implies(a)) {
            other.access(p, a);
          } else {
            refused(AccessControlException.class, a + " with mode " + mode, () -> other.access(p, a));
          }
          fs.access(p, a);
        }
      }
      refused(FileNotFoundException.class, "missing", () -> fs.access(new Path(d, "none"), FsAction.READ));
    });
    CHECKS.put("access.directories", d -> {
      Path sub = new Path(d, "sub"), f = new Path(sub, "f");
      write(f, bytes(1, 10));
      fs.setPermission(f, new FsPermission((short) 0666));
      for (int mode = 0; mode < 8; mode++) {
        fs.setPermission(sub, new FsPermission((short) mode));
        boolean r = (mode & 4) != 0, w = (mode & 2) != 0, x = (mode & 1) != 0;
        allowed(r && x, "list, mode " + mode, () -> other.listStatus(sub));
        allowed(x, "stat, mode " + mode, () -> other.getFileStatus(f));
        allowed(x, "read, mode " + mode, () -> other.open(f).close());
        allowed(w && x, "create, mode " + mode, () -> other.create(new Path(sub, "new")).close());
        if (w && x) {
          that(fs.delete(new Path(sub, "new"), false), "the new file");
        }
      }
      same("f", names(fs.listStatus(sub)), "the superuser lists it");
    });
    CHECKS.put("access.owner", d -> {
      Path f = new Path(d, "f");
      write(f, bytes(1, 10));
      refused(AccessControlException.class, "chmod by another", () -> other.setPermission(f, new FsPermission((short) 0777)));
      refused(AccessControlException.class, "chown by another", () -> other.setOwner(f, otherName, null));
      fs.setOwner(f, otherName, null);
      same(otherName, fs.getFileStatus(f).getOwner(), "owner");
      other.setPermission(f, new FsPermission((short) 01640));
      same("rw-r----T", fs.getFileStatus(f).getPermission(), "mode");
      refused(AccessControlException.class, "giving it away", () -> other.setOwner(f, me, null));
      refused(AccessControlException.class, "a group that the owner is not in", () -> other.setOwner(f, null, "no_such_group"));
      fs.setOwner(f, me, "some_group");
      same(me + ":some_group", fs.getFileStatus(f).getOwner() + ":" + fs.getFileStatus(f).getGroup(), "owner and group");
      refused(FileNotFoundException.class, "chmod of what is missing", () -> fs.setPermission(new Path(d, "none"), new FsPermission((short) 0777)));
    });
    CHECKS.put("access.sticky", d -> {
      fs.setPermission(d, new FsPermission((short) 01777));
      Path f = new Path(d, "f");
      write(f, bytes(1, 10));
      fs.setPermission(f, new FsPermission((short) 0666));
      refused(AccessControlException.class, "delete of another's file", () -> other.delete(f, false));
      other.create(new Path(d, "o")).close();
      that(other.delete(new Path(d, "o"), false), "delete of the own file");
    });
    CHECKS.put("times", d -> {
      Path f = new Path(d, "f");
      write(f, bytes(1, 10));
      fs.setTimes(f, 1_000_000_000_123L, 1_100_000_000_456L);
      same("1000000000123 1100000000456", fs.getFileStatus(f).getModificationTime() + " " + fs.getFileStatus(f).getAccessTime(), "both");
      fs.setTimes(f, -1, 77);
      same("1000000000123 77", fs.getFileStatus(f).getModificationTime() + " " + fs.getFileStatus(f).getAccessTime(), "access time alone");
      fs.setTimes(f, 88, -1);
      same("88 77", fs.getFileStatus(f).getModificationTime() + " " + fs.getFileStatus(f).getAccessTime(), "modification time alone");
      fs.setTimes(d, 99, -1);
      same(99, fs.getFileStatus(d).getModificationTime(), "of a directory");
      write(new Path(d, "g"), new byte[0]);
      that(fs.getFileStatus(d).getModificationTime() > 1_600_000_000_000L, "a new entry sets the directory's");
      refused(FileNotFoundException.class, "missing", () -> fs.setTimes(new Path(d, "none"), 1, 1));
    });
    CHECKS.put("replication", d -> {
      Path f = new Path(d, "f");
      write(f, bytes(1, 3000));
      that(fs.setReplication(f, (short) 1), "one replica");
      same(1, fs.getFileStatus(f).getReplication(), "replication");
      holds(f, bytes(1, 3000));
      that(fs.setReplication(f, (short) 3), "three replicas");
      same(3, fs.getFileStatus(f).getReplication(), "replication");
      that(!fs.setReplication(d, (short) 2), "a directory");
      that(!fs.setReplication(new Path(d, "none"), (short) 2), "what is missing");
      refused(IOException.class, "none", () -> fs.setReplication(f, (short) 0));
      refused(AccessControlException.class, "another user", () -> other.setReplication(f, (short) 2));
    });
  }

  static void allowed(boolean yes, String what, Body b) throws Exception {
    if (!yes) {
      refused(AccessControlException.class, what, b);
      return;
    }
    try {
      b.run();
    } catch (Exception e) {
      throw new AssertionError(what + ": " + e);
    }
  }

  static void directories() {
    CHECKS.put("mkdirs", d -> {
      Path p = new Path(d, "a/b/c");
      that(fs.mkdirs(p), "new");
      that(fs.mkdirs(p), "existing");
      FileStatus s = fs.getFileStatus(p);
      that(s.isDirectory() && s.getLen() == 0 && s.getReplication() == 0 && s.getBlockSize() == 0, "status " + s);
      same(me + ":" + fs.getFileStatus(d).getGroup(), s.getOwner() + ":" + s.getGroup(), "owner and group");
      Path f = new Path(d, "f");
      write(f, bytes(1, 1));
      refused(FileAlreadyExistsException.class, "over a file", () -> fs.mkdirs(f));
      refused(ParentNotDirectoryException.class, "below a file", () -> fs.mkdirs(new Path(f, "x")));
      FileContext fc = FileContext.getFileContext(uri, conf);
      refused(FileNotFoundException.class, "without parents", () -> fc.mkdir(new Path(d, "x/y"), FsPermission.getDirDefault(), false));
    });
    CHECKS.put("list.order", d -> {
      // Apache HDFS orders names by signed bytes: those that begin beyond ASCII come first there, and where they come is nobody's concern.
      String[] all = {"b", "a", "B", "aa", "a-", "z", "~", "10", "9", "_", "."  + "x", "A" + "\u00e9"};
      for (String n : all) {
        write(new Path(d, n), new byte[0]);
      }
      Arrays.sort(all);
      same(String.join(" ", all), names(fs.listStatus(d)), "order");
    });
    CHECKS.put("list.pages", d -> {
      int n = 2101;
      ExecutorService pool = Executors.newFixedThreadPool(8);
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        Path p = new Path(d, String.format("d%05d", i));
        all.add(pool.submit(() -> fs.mkdirs(p)));
      }
      for (Future<?> f : all) {
        f.get();
      }
      pool.shutdown();
      FileStatus[] got = fs.listStatus(d);
      same(n, got.length, "entries");
      RemoteIterator<FileStatus> i = fs.listStatusIterator(d);
      int k = 0;
      for (; i.hasNext(); k++) {
        same(String.format("d%05d", k), i.next().getPath().getName(), "entry");
      }
      same(n, k, "entries of the iterator");
      same(n + 1, fs.getContentSummary(d).getDirectoryCount(), "directories");
      that(fs.delete(d, true), "delete");
      that(!fs.exists(d), "gone");
    });
    CHECKS.put("list.kinds", d -> {
      write(new Path(d, "f"), bytes(1, 3));
      fs.mkdirs(new Path(d, "e"));
      write(new Path(d, "e/g"), bytes(1, 4));
      same("e/ f", names(fs.listStatus(d)), "a directory");
      same("f", names(fs.listStatus(new Path(d, "f"))), "a file");
      same("", names(fs.listStatus(d, p -> p.getName().equals("none"))), "filtered");
      refused(FileNotFoundException.class, "missing", () -> fs.listStatus(new Path(d, "none")));
      same("e/ f", names(fs.globStatus(new Path(d, "*"))), "glob");
      same("g", names(fs.globStatus(new Path(d, "{e,x}/[f-h]"))), "deeper glob");
      List<String> deep = new ArrayList<>();
      for (RemoteIterator<LocatedFileStatus> i = fs.listFiles(d, true); i.hasNext();) {
        LocatedFileStatus s = i.next();
        deep.add(s.getPath().getName());
        same(1, s.getBlockLocations().length, "block locations of " + s.getPath().getName());
      }
      Collections.sort(deep);
      same("[f, g]", deep, "listFiles");
    });
    CHECKS.put("delete", d -> {
      Path t = new Path(d, "t");
      write(new Path(t, "a/f"), bytes(1, 10));
      fs.mkdirs(new Path(t, "e"));
      refused(PathIsNotEmptyDirectoryException.class, "not empty", () -> fs.delete(t, false));
      that(!fs.delete(new Path(d, "none"), true), "missing");
      that(fs.delete(new Path(t, "e"), false), "an empty directory");
      that(fs.delete(new Path(t, "a/f"), false), "a file");
      that(fs.delete(t, true), "a tree");
      same("", names(fs.listStatus(d)), "nothing is left");
    });
    CHECKS.put("summary", d -> {
      write(new Path(d, "a/f"), bytes(1, 1000));
      write(new Path(d, "a/g"), bytes(1, block + 1));
      fs.mkdirs(new Path(d, "a/b/c"));
      write(new Path(d, "h"), new byte[0]);
      ContentSummary c = fs.getContentSummary(d);
      same("length " + (block + 1001) + " files 3 directories 4 space " + (long) (block + 1001) * replication,
          "length " + c.getLength() + " files " + c.getFileCount() + " directories " + c.getDirectoryCount() + " space " + c.getSpaceConsumed(), "summary");
      same("-1 -1", c.getQuota() + " " + c.getSpaceQuota(), "quotas");
      c = fs.getContentSummary(new Path(d, "a/f"));
      same("1000 1 0", c.getLength() + " " + c.getFileCount() + " " + c.getDirectoryCount(), "of a file");
      fs.setReplication(new Path(d, "a/f"), (short) 3);
      same(3000L + (long) (block + 1) * replication, fs.getContentSummary(d).getSpaceConsumed(), "space after setReplication");
      QuotaUsage q = fs.getQuotaUsage(d);
      same("7 -1 -1", q.getFileAndDirectoryCount() + " " + q.getQuota() + " " + q.getSpaceQuota(), "quota usage");
      that(fs.rename(new Path(d, "a/g"), new Path(d, "g")), "rename");
      same(1000, fs.getContentSummary(new Path(d, "a")).getLength(), "length after a rename");
      that(fs.delete(new Path(d, "a"), true), "delete");
      c = fs.getContentSummary(d);
      same((block + 1) + " 2 1", c.getLength() + " " + c.getFileCount() + " " + c.getDirectoryCount(), "after a delete");
      refused(FileNotFoundException.class, "missing", () -> fs.getContentSummary(new Path(d, "none")));
      fs.mkdirs(new Path(d, "shut/in"));
      fs.setPermission(new Path(d, "shut/in"), new FsPermission((short) 0700));
      refused(AccessControlException.class, "a directory that may not be read", () -> other.getContentSummary(d));
    });
  }

  static void locations() {
    CHECKS.put("blocks.cover", d -> {
      Path p = new Path(d, "f");
      int n = 3 * block + 77;
      write(p, bytes(1, n));
      FileStatus s = fs.getFileStatus(p);
      BlockLocation[] all = fs.getFileBlockLocations(s, 0, Long.MAX_VALUE);
      same(4, all.length, "blocks");
      long at = 0;
      for (BlockLocation b : all) {
        same(at, b.getOffset(), "offset");
        at += b.getLength();
        that(b.getHosts().length >= 1 && b.getHosts().length <= replication, "hosts " + Arrays.toString(b.getHosts()));
        same(b.getHosts().length, b.getNames().length, "names");
        same(b.getHosts().length, b.getTopologyPaths().length, "topology paths");
        for (String name : b.getNames()) {
          that(name.matches("[0-9.]+:[0-9]+"), "name " + name);
        }
        for (String t : b.getTopologyPaths()) {
          that(t.matches("/[^/]+(/[^/]+)*/[0-9.]+:[0-9]+"), "topology path " + t);
        }
        that(!b.isCorrupt() && !b.isStriped(), "state");
      }
      same(n, at, "bytes covered");
      same(1, fs.getFileBlockLocations(s, block, 1).length, "one byte");
      same(2, fs.getFileBlockLocations(s, block - 1, 2).length, "two bytes at an edge");
      same(block, fs.getFileBlockLocations(s, block, 1)[0].getOffset(), "offset of the block");
      same(0, fs.getFileBlockLocations(s, n, 10).length, "at the end");
      Path e = new Path(d, "e");
      write(e, new byte[0]);
      same(0, fs.getFileBlockLocations(fs.getFileStatus(e), 0, 10).length, "of an empty file");
      refused(FileNotFoundException.class, "missing", () -> fs.getFileBlockLocations(new Path(d, "none"), 0, 1));
    });
    CHECKS.put("blocks.replicas", d -> {
      // When the file has been closed, every replica is there before long.
      Path p = new Path(d, "f");
      write(p, bytes(1, block + 1));
      int want = Math.min(replication, fs.getDataNodeStats().length);
      long end = System.nanoTime() + 60_000_000_000L;
      for (;;) {
        boolean all = true;
        for (BlockLocation b : fs.getFileBlockLocations(p, 0, Long.MAX_VALUE)) {
          all &= b.getHosts().length == want;
        }
        if (all) {
          break;
        }
        that(System.nanoTime() < end, "not every block had " + want + " replicas after a minute");
        Thread.sleep(100);
      }
    });
    CHECKS.put("blocks.located_listing", d -> {
      write(new Path(d, "f"), bytes(1, 2 * block));
      write(new Path(d, "e"), new byte[0]);
      fs.mkdirs(new Path(d, "s"));
      int k = 0;
      for (RemoteIterator<LocatedFileStatus> i = fs.listLocatedStatus(d); i.hasNext(); k++) {
        LocatedFileStatus s = i.next();
        same(s.getPath().getName().equals("f") ? 2 : 0, s.getBlockLocations() == null ? 0 : s.getBlockLocations().length, "blocks of " + s.getPath().getName());
      }
      same(3, k, "entries");
    });
    CHECKS.put("cluster", d -> {
      FsServerDefaults s = fs.getServerDefaults(d);
      that(s.getBlockSize() > 0 && s.getReplication() > 0 && s.getBytesPerChecksum() == 512 && s.getChecksumType() == DataChecksum.Type.CRC32C, "server defaults");
      FsStatus st = fs.getStatus();
      that(st.getCapacity() > 0 && st.getRemaining() > 0 && st.getUsed() >= 0 && st.getUsed() <= st.getCapacity(), "capacity");
      same("/user/" + me, fs.getHomeDirectory().toUri().getPath(), "home");
      that(fs.getDataNodeStats().length > 0, "datanodes");
      same("/", fs.getEnclosingRoot(d).toUri().getPath(), "enclosing root");
      that(!fs.isInSafeMode(), "not in safe mode");
      same("", fs.getServerDefaults(d).getKeyProviderUri(), "key provider");
    });
    CHECKS.put("lease.recover", d -> {
      // The bytes that a client had flushed when it fell silent are there when another has taken its lease.
      Path p = new Path(d, "f");
      byte[] b = bytes(1, block + 1000);
      DistributedFileSystem gone = connect(UserGroupInformation.getLoginUser());
      FSDataOutputStream o = gone.create(p, new FsPermission((short) 0644), EnumSet.of(CreateFlag.CREATE), 4096, replication, block, null);
      o.write(b);
      o.hflush();
      long end = System.nanoTime() + 60_000_000_000L;
      for (boolean done = fs.recoverLease(p); !done; done = fs.isFileClosed(p) || fs.recoverLease(p)) {
        that(System.nanoTime() < end, "the lease was not recovered after a minute");
        Thread.sleep(200);
      }
      holds(p, b);
      try {
        o.write(1);
        o.close();
        throw new AssertionError("the old writer wrote on");
      } catch (IOException e) {
        // by a datanode or by the namenode, whichever it asks first
      }
      try (FSDataOutputStream more = fs.append(p)) {
        more.write(bytes(2, 10));
      }
      holds(p, join(b, bytes(2, 10)));
      try {
        gone.close();
      } catch (IOException e) {
        // it still holds the stream that was taken from it
      }
    });
  }

  // ---- main

  static List<String> split(String s) {
    return Arrays.asList(s.split(","));
  }

  static boolean picked(String name, List<String> prefixes) {
    for (String p : prefixes) {
      if (name.equals(p) || name.startsWith(p + ".")) {
        return true;
      }
    }
    return false;
  }

  static String why(Throwable t) {
    if (t instanceof java.util.concurrent.ExecutionException && t.getCause() != null) {
      return why(t.getCause());
    }
    String text = t instanceof AssertionError ? t.getMessage() : t.toString();
    StringBuilder b = new StringBuilder(text.split("\n")[0]);
    for (StackTraceElement e : t.getStackTrace()) {
      if (e.getClassName().startsWith("FsProgram") && !e.getMethodName().matches("that|same|refused|holds|allowed")) {
        return b.append(" (line ").append(e.getLineNumber()).append(')').toString();
      }
    }
    return b.toString();
  }

  public static void main(String[] args) throws Exception {
    List<String> pos = new ArrayList<>(), except = new ArrayList<>();
    boolean list = false;
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
      case "--other":
        otherName = args[++i];
        break;
      case "--block-size":
        block = Integer.parseInt(args[++i]);
        break;
      case "--replication":
        replication = Short.parseShort(args[++i]);
        break;
      case "--except":
        except.addAll(split(args[++i]));
        break;
      case "--list":
        list = true;
        break;
      default:
        pos.add(args[i]);
      }
    }
    creation();
    appending();
    flushing();
    reading();
    truncating();
    concatenating();
    renaming();
    checksums();
    permissions();
    directories();
    locations();
    if (list) {
      CHECKS.keySet().forEach(System.out::println);
      return;
    }
    if (pos.size() < 2) {
      System.err.println("usage: FsProgram URI DIRECTORY [--other USER] [--block-size BYTES] [--replication N] [--except NAME,..] [--list] [NAME...]");
      System.exit(2);
    }
    uri = URI.create(pos.get(0));
    conf = new Configuration();
    conf.set("fs.permissions.umask-mode", "022");
    conf.setBoolean("fs.hdfs.impl.disable.cache", true);
    conf.setInt("dfs.replication", replication);
    conf.setLong("dfs.blocksize", block);
    me = UserGroupInformation.getLoginUser().getShortUserName();
    fs = connect(UserGroupInformation.getLoginUser());
    second = connect(UserGroupInformation.getLoginUser());
    other = connect(UserGroupInformation.createRemoteUser(otherName));
    Path base = new Path(pos.get(1));
    fs.delete(base, true);
    fs.mkdirs(base);
    fs.setPermission(base, new FsPermission((short) 0755));
    List<String> only = pos.subList(2, pos.size());
    int good = 0, bad = 0;
    ExecutorService runner = Executors.newCachedThreadPool(r -> {
      Thread t = new Thread(r);
      t.setDaemon(true);
      return t;
    });
    for (Map.Entry<String, Check> c : CHECKS.entrySet()) {
      if (!only.isEmpty() && !picked(c.getKey(), only) || picked(c.getKey(), except)) {
        continue;
      }
      Path d = new Path(base, c.getKey());
      Future<?> f = runner.submit(() -> {
        fs.mkdirs(d);
        c.getValue().run(d);
        return null;
      });
      try {
        f.get(180, TimeUnit.SECONDS);
        System.out.println("ok " + c.getKey());
        good++;
      } catch (TimeoutException e) {
        f.cancel(true);
        System.out.println("FAIL " + c.getKey() + ": not finished after 180 s");
        bad++;
      } catch (Exception e) {
        System.out.println("FAIL " + c.getKey() + ": " + why(e));
        bad++;
      }
      System.out.flush();
    }
    System.out.println(good + " ok, " + bad + " failed");
    System.out.flush();
    // The clients hold streams on purpose (a taken lease, a deleted file): nothing of that is to be closed in order.
    Runtime.getRuntime().halt(bad == 0 ? 0 : 1);
  }
}
