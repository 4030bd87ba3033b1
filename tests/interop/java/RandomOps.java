/*
 * RandomOps: the same random operations, by three users, on two file systems, compared after every step.
 *
 *   RandomOps LEFT [RIGHT] --users SUPERUSER,A,B [options]
 *
 *   --seeds 1-20         seeds to run (also 3,5,8-10);           --count 1000   operations of each
 *   --replay SEED        run this seed alone and print every operation with both answers
 *   --parallel 4         seeds at a time;                         --depth 50     steps between two comparisons of all content (0: at the end only)
 *   --intended FILE      differences that are meant: NAME <tab> REGEX <tab> REASON a line
 *   --emit FILE          every operation and its answer, a line of JSON each; without RIGHT this is all that happens
 *   --max-differences 5  a seed ends after so many steps with one;   --tolerance 60000   ms between times that the servers assign
 *   --block-sizes 4096,8192,16384                                 --base /random
 *
 * LEFT is what is right (Apache HDFS).  A and B are users of the host that are not superusers; it is best when they share a group.  After each
 * step the answers are compared (value; or exception class and first line of its message, without what is a server's own: block, inode and
 * client numbers, addresses), then the whole tree as the superuser lists it (names, order, types, modes, owners, groups, lengths, replication,
 * block sizes, times), then the bytes of the files that the operation named; every --depth steps and at the end the bytes and the composite
 * checksums of all files.  What is drawn depends on the seed and on LEFT's tree alone, so a seed can be replayed.
 * At the end: counts by operation and by exception.  Exits 1 on a difference that is not meant, or when an operation had less than 2 % of the
 * steps or less than 30 % were refused.
 */
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.BlockLocation;
import org.apache.hadoop.fs.CompositeCrcFileChecksum;
import org.apache.hadoop.fs.ContentSummary;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileChecksum;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.apache.hadoop.ipc.RemoteException;
import org.apache.hadoop.security.UserGroupInformation;

public final class RandomOps {
  static final String[] OPS = {"mkdirs", "create", "append", "truncate", "concat", "rename", "rename2", "delete", "list", "stat", "summary", "chmod", "chown",
      "times", "setrep", "access", "read", "checksum", "hflush"};
  static final int[] WEIGHT = {8, 13, 6, 5, 6, 8, 8, 7, 5, 4, 5, 7, 5, 5, 4, 5, 5, 4, 5};
  /** Times that setTimes is given lie before this, times that a server assigns behind it. */
  static final long ASSIGNED = 1_000_000_000_000L;

  static List<Intended> intended = new ArrayList<>();
  static String[] users;
  static String[] groups;
  static int[] blockSizes = {4096, 8192, 16384};
  static int count = 1000, depth = 50, maxDifferences = 5;
  static long tolerance = 60_000;
  static String base = "/random";
  static PrintStream emit;
  static boolean verbose;

  static final Map<String, int[]> BY_OP = new LinkedHashMap<>();   // steps, refused by an exception, answered false
  static final Map<String, Integer> BY_CLASS = new TreeMap<>();
  static final AtomicInteger DIFFERENCES = new AtomicInteger();

  /** A difference that is meant, and how often it was seen. */
  static final class Intended {
    final String name;
    final Pattern pattern;
    final String reason;
    final AtomicInteger used = new AtomicInteger();

    Intended(String name, Pattern pattern, String reason) {
      this.name = name;
      this.pattern = pattern;
      this.reason = reason;
    }
  }

  /** One of the two file systems, seen by each user; the clients are those of one seed. */
  static final class Server {
    final URI uri;
    final Map<String, DistributedFileSystem> clients = new HashMap<>();
    final DistributedFileSystem reader;

    Server(String uri) throws Exception {
      this.uri = URI.create(uri);
      for (String u : users) {
        clients.put(u, connect(u));
      }
      reader = connect(users[0]);
    }

    DistributedFileSystem connect(String user) throws Exception {
      Configuration conf = new Configuration();
      conf.setBoolean("fs.hdfs.impl.disable.cache", true);
      conf.set("fs.permissions.umask-mode", "000");
      conf.set("dfs.checksum.combine.mode", "COMPOSITE_CRC");
      conf.setBoolean("dfs.client.block.write.replace-datanode-on-failure.best-effort", true);
      UserGroupInformation login = UserGroupInformation.getLoginUser();
      UserGroupInformation ugi = user.equals(login.getShortUserName()) ? login : ugi(user);
      return ugi.doAs((PrivilegedExceptionAction<DistributedFileSystem>) () -> (DistributedFileSystem) FileSystem.newInstance(uri, conf));
    }

    DistributedFileSystem as(String user) {
      return clients.get(user);
    }

    DistributedFileSystem root() {
      return clients.get(users[0]);
    }

    void close() {
      for (DistributedFileSystem f : clients.values()) {
        quietly(f::close);
      }
      quietly(reader::close);
    }
  }

  static final Map<String, UserGroupInformation> UGIS = new HashMap<>();

  /** One object for each user: Hadoop shares connections by it. */
  static synchronized UserGroupInformation ugi(String user) {
    return UGIS.computeIfAbsent(user, UserGroupInformation::createRemoteUser);
  }

  interface Body {
    void run() throws Exception;
  }

  static void quietly(Body b) {
    try {
      b.run();
    } catch (Exception e) {
      // of no interest
    }
  }

  // ---- answers

  /** What an operation did on one server: a value, or an exception. */
  static final class Answer {
    final String value, type, message;

    Answer(String value, String type, String message) {
      this.value = value;
      this.type = type;
      this.message = message;
    }

    boolean refused() {
      return type != null;
    }

    @Override
    public String toString() {
      return type == null ? value : type + ": " + message;
    }
  }

  static final Pattern[] OWN = {Pattern.compile("DFSClient_[A-Za-z0-9_-]+"), Pattern.compile("\\(inode \\d+\\)"), Pattern.compile("blk_-?\\d+(_\\d+)?"),
      Pattern.compile("BP-\\d+-[0-9.]+-\\d+"), Pattern.compile("DS-[0-9a-f-]{36}"), Pattern.compile("DatanodeInfoWithStorage\\[[^\\]]*\\]"),
      Pattern.compile("/\\.reserved/\\.inodes/\\d+"), Pattern.compile("hdfs://[0-9A-Za-z.]+:\\d+"), Pattern.compile("127\\.0\\.0\\.1:\\d+")};
  static final String[] COMMON = {"<client>", "(inode N)", "<block>", "<pool>", "<storage>", "<datanode>", "/.reserved/.inodes/N", "hdfs://<namenode>", "<address>"};

  /** The first line of a message without what is a server's own. */
  static String common(String message) {
    String m = String.valueOf(message);
    int end = m.indexOf('\n');
    m = end < 0 ? m : m.substring(0, end);
    for (int i = 0; i < OWN.length; i++) {
      m = OWN[i].matcher(m).replaceAll(COMMON[i]);
    }
    return m;
  }

  static String typeOf(Throwable e) {
    return e instanceof RemoteException ? ((RemoteException) e).getClassName() + " (remote)" : e.getClass().getName();
  }

  static Answer ask(Callable<String> c) {
    try {
      return new Answer(c.call(), null, null);
    } catch (Exception e) {
      return new Answer(null, typeOf(e), common(e.getMessage()));
    }
  }

  // ---- the tree as a server shows it

  static final class Entry {
    boolean dir;
    String facts;     // everything that must be equal
    long mtime, atime;
    long length;
    long blockSize;
    String owner;
  }

  static final class Tree {
    final TreeMap<String, Entry> entries = new TreeMap<>();
    String order = "either";
    final List<String> files = new ArrayList<>(), dirs = new ArrayList<>();

    void add(String path, FileStatus s) {
      Entry e = new Entry();
      e.dir = s.isDirectory();
      e.length = s.getLen();
      e.blockSize = s.getBlockSize();
      e.mtime = s.getModificationTime();
      e.atime = s.getAccessTime();
      e.owner = s.getOwner();
      e.facts = facts(s);
      entries.put(path, e);
      (e.dir ? dirs : files).add(path);
    }
  }

  static String facts(FileStatus s) {
    int children = s instanceof HdfsFileStatus ? ((HdfsFileStatus) s).getChildrenNum() : 0;
    return (s.isDirectory() ? "dir" : s.isSymlink() ? "link" : "file") + " " + s.getPermission() + " " + s.getOwner() + ":" + s.getGroup() + " length " + s.getLen()
        + " replication " + s.getReplication() + " blocks of " + s.getBlockSize() + " children " + children + (s.hasAcl() ? " acl" : "")
        + (s.isEncrypted() ? " encrypted" : "") + (s.isErasureCoded() ? " erasure coded" : "");
  }

  static void list(Server s, String dir, Tree t) throws IOException {
    FileStatus[] all = s.root().listStatus(new Path(dir));
    byte[] last = null;
    List<String> below = new ArrayList<>();
    for (FileStatus f : all) {
      String name = f.getPath().getName();
      byte[] b = name.getBytes(StandardCharsets.UTF_8);
      if (last != null) {
        boolean unsigned = Arrays.compareUnsigned(last, b) < 0, signed = Arrays.compare(last, b) < 0;
        String is = unsigned && signed ? "either" : unsigned ? "unsigned" : signed ? "signed" : "none";
        if (!is.equals("either")) {
          t.order = t.order.equals("either") || t.order.equals(is) ? is : "none";
        }
      }
      last = b;
      String path = dir + "/" + name;
      t.add(path, f);
      if (f.isDirectory()) {
        below.add(path);
      }
    }
    for (String d : below) {
      list(s, d, t);
    }
  }

  static Tree tree(Server s, String dir) throws IOException {
    Tree t = new Tree();
    t.add(dir, s.root().getFileStatus(new Path(dir)));
    list(s, dir, t);
    return t;
  }

  static byte[] bytes(long seed, int step, int part, int n) {
    byte[] b = new byte[n];
    new Random(seed * 1_000_003 + step * 31L + part).nextBytes(b);
    return b;
  }

  static final Pattern LONG = Pattern.compile("(.)\\1{24,}");

  /** A line for people: long runs of one character shortened. */
  static String brief(String line) {
    return LONG.matcher(line).replaceAll(m -> java.util.regex.Matcher.quoteReplacement(m.group(1) + "{" + m.group().length() + "}"));
  }

  static String sum(byte[] b) {
    return sum(b, 0, b.length);
  }

  static String sum(byte[] b, int from, int n) {
    CRC32C c = new CRC32C();
    c.update(b, from, n);
    return String.format("%d bytes %08x", n, c.getValue());
  }

  static String composite(FileChecksum c) {
    if (c == null) {
      return "none";
    }
    StringBuilder b = new StringBuilder(c.getAlgorithmName());
    if (c instanceof CompositeCrcFileChecksum) {
      b.append(' ');
      for (byte x : c.getBytes()) {
        b.append(String.format("%02x", x));
      }
    }
    return b.toString();
  }

  /** The bytes of a file by reading and by its checksum, which must be those of each other too. */
  static String content(Server s, String path) {
    return ask(() -> {
      byte[] b;
      try (InputStream i = s.reader.open(new Path(path))) {
        b = i.readAllBytes();
      }
      return sum(b);
    }).toString();
  }

  static String contentAndChecksum(Server s, String path) {
    String read = content(s, path);
    String sum = ask(() -> composite(s.reader.getFileChecksum(new Path(path)))).toString();
    if (!read.startsWith("0 bytes") && !sum.equals("COMPOSITE-CRC32C " + read.substring(read.length() - 8))) {
      return read + ", but checksum " + sum;
    }
    return read;
  }

  // ---- operations

  interface Apply {
    String on(Server s) throws Exception;
  }

  static final class Op {
    final String name, user, args;
    final Set<String> touched = new LinkedHashSet<>();
    final Apply apply;

    Op(String name, String user, String args, Apply apply, String... touched) {
      this.name = name;
      this.user = user;
      this.args = args;
      this.apply = apply;
      this.touched.addAll(Arrays.asList(touched));
    }

    @Override
    public String toString() {
      return name + " by " + user + ": " + args;
    }
  }

  static final String[] NAMES = {"a", "b", "c", "d", "e", "f", "g", "h", "x y", "\u00e9", "\u4e2d", "Q", "n".repeat(200), ".hidden", "p%20q"};
  static final String[] BAD_NAMES = {"k:v", ".snapshot", "m".repeat(256)};
  static final int[] DIR_MODES = {0777, 0777, 0777, 0777, 0777, 0777, 0755, 0755, 0775, 0770, 0750, 0700, 0711, 0733, 0744, 0000, 0444, 0500, 01777, 01777, 01777, 01777, 01775, 02775, 03777, 0577, 0707};
  static final int[] FILE_MODES = {0666, 0666, 0644, 0644, 0664, 0660, 0640, 0600, 0400, 0444, 0200, 0222, 0000, 01666, 04755, 0777, 0606};

  /** Draws operations for one seed from the tree that LEFT has. */
  static final class Draw {
    final long seed;
    final Random r;
    final String root;
    Tree t;
    int step;

    Draw(long seed, String root) {
      this.seed = seed;
      this.r = new Random(seed);
      this.root = root;
    }

    boolean chance(int percent) {
      return r.nextInt(100) < percent;
    }

    <T> T any(List<T> l) {
      return l.get(r.nextInt(l.size()));
    }

    int any(int[] a) {
      return a[r.nextInt(a.length)];
    }

    int any(int[] values, int[] weights) {
      int sum = 0;
      for (int w : weights) {
        sum += w;
      }
      int at = r.nextInt(sum);
      for (int i = 0;; i++) {
        at -= weights[i];
        if (at < 0) {
          return values[i];
        }
      }
    }

    String name() {
      return NAMES[r.nextInt(r.nextInt(3) == 0 ? NAMES.length : 8)];
    }

    String dir() {
      return any(t.dirs);
    }

    String file() {
      return t.files.isEmpty() ? fresh() : any(t.files);
    }

    String existing() {
      return chance(60) ? file() : dir();
    }

    /** A name in an existing directory that does not exist. */
    String fresh() {
      for (int i = 0;; i++) {
        String d = dir();
        // mostly shallow, so that directories hold several files
        long depth = d.chars().filter(c -> c == '/').count() - 2;
        if (i < 20 && depth > 1 && r.nextInt((int) depth + 1) > 0) {
          continue;
        }
        String p = d + "/" + name();
        if (!t.entries.containsKey(p)) {
          return p;
        }
        if (i > 30) {
          return p + "." + step;
        }
      }
    }

    String orphan() {
      return fresh() + "/" + name();
    }

    String belowFile() {
      return file() + "/" + name() + (chance(25) ? "/" + name() : "");
    }

    String bad() {
      return dir() + "/" + BAD_NAMES[r.nextInt(BAD_NAMES.length)];
    }

    /** A path: weights of an existing file, a directory, a fresh name, a name below nothing, a name below a file, a bad name. */
    String path(int... w) {
      switch (any(new int[] {0, 1, 2, 3, 4, 5}, w)) {
      case 0:
        return file();
      case 1:
        return dir();
      case 2:
        return fresh();
      case 3:
        return orphan();
      case 4:
        return belowFile();
      default:
        return bad();
      }
    }

    /** How the operation is to spell a path that exists: now and then by its inode number, which is not the same on both servers. */
    boolean byNumber(String p) {
      return t.entries.containsKey(p) && chance(5);
    }

    static Path spell(Server s, String p, boolean byNumber) throws IOException {
      return byNumber ? new Path("/.reserved/.inodes/" + ((HdfsFileStatus) s.root().getFileStatus(new Path(p))).getFileId()) : new Path(p);
    }

    static String how(String p, boolean byNumber) {
      return byNumber ? p + " by its number" : p;
    }

    /** Who asks: often the owner of the path or of its directory, else anyone. */
    String user(String path) {
      if (chance(50)) {
        Entry e = t.entries.get(path);
        if (e == null || chance(50)) {
          e = t.entries.get(path.substring(0, Math.max(1, path.lastIndexOf('/'))));
        }
        if (e != null && Arrays.asList(users).contains(e.owner)) {
          return e.owner;
        }
      }
      return users[any(new int[] {0, 1, 2}, new int[] {30, 35, 35})];
    }

    int blockSize() {
      return any(blockSizes);
    }

    int size(int bs) {
      switch (r.nextInt(9)) {
      case 0:
        return 0;
      case 1:
        return 1 + r.nextInt(511);
      case 2:
        return 512 * r.nextInt(2 * bs / 512);
      case 3:
        return bs - 1 + r.nextInt(3);
      case 4:
        return 2 * bs - 1 + r.nextInt(3);
      case 5:
        return 1 + r.nextInt(4 * bs);
      default:
        return 1 + r.nextInt(2 * bs);
      }
    }

    long time() {
      switch (r.nextInt(6)) {
      case 0:
        return -1;
      case 1:
        return r.nextInt(3);
      default:
        return (long) (r.nextDouble() * 9e11);
      }
    }

    Op next() {
      int which;
      do {
        which = any(range(OPS.length), WEIGHT);
        // Keep the tree between a few and some dozens of entries.
      } while (t.entries.size() > 70 && (OPS[which].equals("mkdirs") || OPS[which].equals("create")) && chance(70));
      if (t.entries.size() < 30 && chance(35)) {
        which = chance(35) ? 0 : 1;
      }
      if (t.entries.size() > 90 && chance(15)) {
        which = Arrays.asList(OPS).indexOf("delete");
      }
      switch (OPS[which]) {
      case "mkdirs":
        return mkdirs();
      case "create":
        return create();
      case "append":
        return append();
      case "truncate":
        return truncate();
      case "concat":
        return concat();
      case "rename":
        return rename(false);
      case "rename2":
        return rename(true);
      case "delete":
        return delete();
      case "list":
        return list();
      case "stat":
        return stat();
      case "summary":
        return summary();
      case "chmod":
        return chmod();
      case "chown":
        return chown();
      case "times":
        return times();
      case "setrep":
        return setrep();
      case "access":
        return access();
      case "read":
        return read();
      case "checksum":
        return checksum();
      default:
        return hflush();
      }
    }

    Op mkdirs() {
      String p = path(9, 9, 55, 12, 10, 5);
      FsPermission mode = new FsPermission((short) any(DIR_MODES));
      String u = user(p);
      if (chance(30)) {
        return new Op("mkdirs", u, p + " mode " + mode + " without parents", s -> "" + s.as(u).mkdir(new Path(p), mode), p);
      }
      return new Op("mkdirs", u, p + " mode " + mode, s -> "" + s.as(u).mkdirs(new Path(p), mode), p);
    }

    static final int[] REPLICATIONS = {1, 2, 3, 0, 513, 10, 512};
    static final int[] REPLICATION_WEIGHTS = {30, 40, 24, 2, 2, 1, 1};

    Op create() {
      String p = path(26, 6, 48, 8, 7, 5);
      String u = user(p);
      int bs = chance(3) ? 512 : blockSize();
      int repl = any(REPLICATIONS, REPLICATION_WEIGHTS);
      EnumSet<CreateFlag> flags = EnumSet.of(CreateFlag.CREATE);
      int kind = r.nextInt(20);
      if (kind < 9) {
        flags.add(CreateFlag.OVERWRITE);
      } else if (kind == 9) {
        flags = EnumSet.of(CreateFlag.OVERWRITE);
      }
      if (chance(15)) {
        flags.add(any(Arrays.asList(CreateFlag.SYNC_BLOCK, CreateFlag.NO_LOCAL_WRITE, CreateFlag.SHOULD_REPLICATE, CreateFlag.IGNORE_CLIENT_LOCALITY, CreateFlag.APPEND)));
      }
      boolean parents = chance(70);
      FsPermission mode = new FsPermission((short) any(FILE_MODES));
      byte[] b = bytes(seed, step, 0, size(Math.max(bs, 1024)));
      EnumSet<CreateFlag> f = flags;
      return new Op("create", u, p + " " + flags + " mode " + mode + " replication " + repl + " blocks of " + bs + ", " + b.length + " bytes"
          + (parents ? "" : ", without parents"), s -> {
            try (FSDataOutputStream o = parents ? s.as(u).create(new Path(p), mode, f, 4096, (short) repl, bs, null, null)
                : s.as(u).createNonRecursive(new Path(p), mode, f, 4096, (short) repl, bs, null)) {
              o.write(b);
            }
            return "written";
          }, p);
    }

    /** Whether the blocks before the last are not all full: Hadoop's client cannot append to the last one then. */
    boolean uneven(String p) {
      Entry e = t.entries.get(p);
      if (e == null || e.dir) {
        return false;
      }
      try {
        BlockLocation[] all = left.root().getFileBlockLocations(new Path(p), 0, Long.MAX_VALUE);
        for (int i = 0; i + 1 < all.length; i++) {
          if (all[i].getLength() != e.blockSize) {
            return true;
          }
        }
        return false;
      } catch (IOException x) {
        return true;
      }
    }

    Server left;

    EnumSet<CreateFlag> appendFlags(String p) {
      return uneven(p) || chance(15) ? EnumSet.of(CreateFlag.APPEND, CreateFlag.NEW_BLOCK) : EnumSet.of(CreateFlag.APPEND);
    }

    int blockSizeOf(String p) {
      Entry e = t.entries.get(p);
      return e == null || e.dir ? blockSizes[0] : (int) e.blockSize;
    }

    Op append() {
      String p = path(72, 8, 8, 4, 6, 2);
      String u = user(p);
      boolean num = byNumber(p);
      EnumSet<CreateFlag> f = appendFlags(p);
      byte[] b = bytes(seed, step, 0, size(blockSizeOf(p)) * 2 / 3);
      return new Op("append", u, how(p, num) + " " + f + ", " + b.length + " bytes", s -> {
        try (FSDataOutputStream o = s.as(u).append(spell(s, p, num), f, 4096, null)) {
          o.write(b);
          return "at " + (o.getPos() - b.length);
        }
      }, p);
    }

    Op truncate() {
      String p = path(80, 6, 5, 3, 5, 1);
      String u = user(p);
      boolean num = byNumber(p);
      Entry e = t.entries.get(p);
      long len = e == null ? 10 : e.length, bs = blockSizeOf(p);
      long to;
      switch (r.nextInt(20)) {
      case 0:
      case 1:
        to = len;
        break;
      case 2:
      case 3:
        to = len + 1 + r.nextInt(1000);
        break;
      case 4:
        to = 0;
        break;
      case 5:
        to = -1 - r.nextInt(5);
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        to = len / bs * bs;
        break;
      default:
        to = len == 0 ? 0 : (long) (r.nextDouble() * len);
      }
      return new Op("truncate", u, how(p, num) + " to " + to + " of " + len, s -> {
        boolean done = s.as(u).truncate(spell(s, p, num), to);
        if (!done) {
          closed(s, p);
        }
        return "" + done;
      }, p);
    }

    static void closed(Server s, String p) throws Exception {
      long end = System.nanoTime() + 120_000_000_000L;
      while (!s.root().isFileClosed(new Path(p))) {
        if (System.nanoTime() > end) {
          throw new IOException("still open after two minutes");
        }
        Thread.sleep(20);
      }
    }

    Op concat() {
      // mostly files of one directory, with bytes
      String first = file();
      List<String> near = new ArrayList<>();
      for (int i = 0; i < 12 && near.isEmpty(); i++) {
        first = file();
        String d = first.substring(0, first.lastIndexOf('/'));
        for (String f : t.files) {
          Entry e = t.entries.get(f);
          if (f.startsWith(d + "/") && f.indexOf('/', d.length() + 1) < 0 && !f.equals(first) && (e.length > 0 || chance(10))
              && (e.blockSize <= blockSizeOf(first) || chance(10))) {
            near.add(f);
          }
        }
      }
      String target = chance(88) ? first : path(0, 30, 30, 10, 20, 10);
      Set<String> src = new LinkedHashSet<>();
      int n = 1 + r.nextInt(3);
      List<String> list = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        String s = !near.isEmpty() && chance(88) ? any(near) : path(45, 15, 15, 5, 15, 5);
        if (src.add(s) || chance(12)) {
          list.add(s);
        }
      }
      if (chance(3)) {
        list.add(target);
      }
      String u = chance(20) ? users[0] : user(target);
      List<String> touched = new ArrayList<>(list);
      touched.add(target);
      return new Op("concat", u, target + " <- " + list, s -> {
        s.as(u).concat(new Path(target), list.stream().map(Path::new).toArray(Path[]::new));
        return "done";
      }, touched.toArray(new String[0]));
    }

    Op rename(boolean second) {
      String src = chance(82) ? existing() : path(0, 0, 50, 15, 30, 5);
      String dst;
      switch (r.nextInt(20)) {
      case 0:
        dst = src;
        break;
      case 1:
        dst = src + "/" + name();
        break;
      case 2:
        dst = orphan();
        break;
      case 3:
        dst = belowFile();
        break;
      case 4:
        dst = bad();
        break;
      case 5:
      case 6:
      case 7:
        dst = file();
        break;
      case 8:
      case 9:
      case 10:
        dst = dir();
        break;
      default:
        dst = fresh();
      }
      if (src.equals(root)) {
        src = fresh();
      }
      String from = src, to = dst, u = user(from);
      if (!second) {
        return new Op("rename", u, from + " -> " + to, s -> "" + old(s.as(u), from, to), from, to);
      }
      boolean over = chance(50);
      return new Op("rename2", u, from + " -> " + to + (over ? " OVERWRITE" : ""), s -> {
        s.as(u).rename(new Path(from), new Path(to), over ? Options.Rename.OVERWRITE : Options.Rename.NONE);
        return "done";
      }, from, to);
    }

    static boolean old(FileSystem f, String from, String to) throws IOException {
      return f.rename(new Path(from), new Path(to));
    }

    Op delete() {
      String p = path(36, 34, 10, 5, 12, 3);
      boolean recursive = chance(45);
      String u = user(p);
      if (p.equals(root) && u.equals(users[0])) {
        recursive = false;
        if (t.entries.size() < 2) {
          p = fresh();
        }
      }
      String q = p;
      boolean all = recursive;
      return new Op("delete", u, q + (all ? " recursively" : ""), s -> "" + s.as(u).delete(new Path(q), all), q);
    }

    Op list() {
      String p = path(10, 65, 8, 3, 12, 2);
      String u = user(p);
      boolean num = byNumber(p);
      return new Op("list", u, how(p, num), s -> {
        StringBuilder b = new StringBuilder();
        TreeMap<String, String> sorted = new TreeMap<>();
        for (FileStatus f : s.as(u).listStatus(spell(s, p, num))) {
          // a file lists itself, under the name that was asked for
          sorted.put(f.isFile() && t.entries.containsKey(p) && !t.entries.get(p).dir ? "." : f.getPath().getName(), facts(f));
        }
        sorted.forEach((k, v) -> b.append(k).append(' ').append(v).append("; "));
        return b.toString();
      });
    }

    Op stat() {
      String p = path(30, 25, 15, 5, 22, 3);
      String u = user(p);
      boolean num = byNumber(p);
      int kind = r.nextInt(4);
      return new Op("stat", u, how(p, num) + (kind == 0 ? " (link)" : kind == 1 ? " (closed)" : ""), s -> {
        Path x = spell(s, p, num);
        if (kind == 1) {
          return "closed " + s.as(u).isFileClosed(x);
        }
        return facts(kind == 0 ? s.as(u).getFileLinkStatus(x) : s.as(u).getFileStatus(x));
      });
    }

    static String totals(ContentSummary c) {
      return "length " + c.getLength() + " files " + c.getFileCount() + " directories " + c.getDirectoryCount() + " space " + c.getSpaceConsumed() + " quota "
          + c.getQuota() + " space quota " + c.getSpaceQuota();
    }

    Op summary() {
      String p = path(20, 58, 10, 3, 7, 2);
      String u = user(p);
      boolean num = byNumber(p);
      boolean quota = chance(20);
      return new Op("summary", u, how(p, num) + (quota ? " (quota usage)" : ""), s -> quota ? String.valueOf(s.as(u).getQuotaUsage(spell(s, p, num)).toString().trim())
          + " entries " + s.as(u).getQuotaUsage(spell(s, p, num)).getFileAndDirectoryCount() : totals(s.as(u).getContentSummary(spell(s, p, num))));
    }

    Op chmod() {
      String p = path(38, 42, 8, 3, 7, 2);
      String u = user(p);
      boolean num = byNumber(p);
      Entry e = t.entries.get(p);
      int bits = e != null && e.dir ? any(DIR_MODES) : any(FILE_MODES);
      // the superuser keeps the tree from being shut
      if (u.equals(users[0]) && chance(70)) {
        bits = e != null && e.dir ? 0777 : 0666;
      }
      if (p.equals(root)) {
        bits = 0777;
      }
      FsPermission mode = new FsPermission((short) bits);
      return new Op("chmod", u, how(p, num) + " " + mode, s -> {
        s.as(u).setPermission(spell(s, p, num), mode);
        return "done";
      }, p);
    }

    Op chown() {
      String p = path(45, 35, 8, 3, 7, 2);
      String u = user(p);
      boolean num = byNumber(p);
      if (chance(30)) {
        u = users[0];
      }
      String owner = chance(55) ? users[r.nextInt(3)] : chance(4) ? "no_such_user" : null;
      String group = owner == null || chance(40) ? groups[r.nextInt(groups.length)] : null;
      String who = u;
      return new Op("chown", who, how(p, num) + " " + (owner == null ? "" : owner) + ":" + (group == null ? "" : group), s -> {
        s.as(who).setOwner(spell(s, p, num), owner, group);
        return "done";
      }, p);
    }

    Op times() {
      String p = path(50, 28, 8, 4, 8, 2);
      String u = user(p);
      boolean num = byNumber(p);
      long m = time(), a = time();
      return new Op("times", u, how(p, num) + " " + m + " " + a, s -> {
        s.as(u).setTimes(spell(s, p, num), m, a);
        return "done";
      }, p);
    }

    Op setrep() {
      String p = path(64, 12, 9, 4, 9, 2);
      String u = user(p);
      boolean num = byNumber(p);
      int n = any(REPLICATIONS, new int[] {26, 26, 26, 7, 7, 4, 4});
      return new Op("setrep", u, how(p, num) + " " + n, s -> "" + s.as(u).setReplication(spell(s, p, num), (short) n), p);
    }

    Op access() {
      String p = path(44, 34, 7, 3, 10, 2);
      String u = user(p);
      boolean num = byNumber(p);
      FsAction a = FsAction.values()[r.nextInt(8)];
      return new Op("access", u, how(p, num) + " " + a, s -> {
        s.as(u).access(spell(s, p, num), a);
        return "allowed";
      });
    }

    Op read() {
      String p = path(72, 7, 7, 3, 9, 2);
      String u = user(p);
      boolean num = byNumber(p);
      Entry e = t.entries.get(p);
      long len = e == null ? 100 : e.length;
      int kind = r.nextInt(3);
      long at = kind == 0 ? 0 : (long) (r.nextDouble() * (len + 10));
      int n = 1 + r.nextInt((int) Math.max(1, Math.min(len + 100, 50_000)));
      return new Op("read", u, how(p, num) + (kind == 0 ? "" : kind == 1 ? " at " + at + ", " + n + " bytes" : " from " + at), s -> {
        try (FSDataInputStream i = s.as(u).open(spell(s, p, num))) {
          if (kind == 0) {
            return sum(i.readAllBytes());
          }
          if (kind == 1) {
            byte[] b = new byte[n];
            i.readFully(at, b);
            return sum(b);
          }
          i.seek(at);
          return sum(i.readAllBytes());
        }
      }, p);
    }

    Op checksum() {
      String p = path(72, 7, 7, 3, 9, 2);
      String u = user(p);
      boolean num = byNumber(p);
      Entry e = t.entries.get(p);
      long n = e == null || chance(60) ? -1 : (long) (r.nextDouble() * (e.length + 20));
      return new Op("checksum", u, how(p, num) + (n < 0 ? "" : ", " + n + " bytes"), s -> composite(n < 0 ? s.as(u).getFileChecksum(spell(s, p, num))
          : s.as(u).getFileChecksum(spell(s, p, num), n)), p);
    }

    /** Writes, flushes, has a second reader look and somebody else interfere, writes on, closes. */
    Op hflush() {
      boolean append = chance(40);
      String p = append ? path(90, 3, 3, 1, 3, 0) : path(14, 4, 68, 6, 7, 1);
      String u = user(p);
      int bs = append ? blockSizeOf(p) : blockSize();
      EnumSet<CreateFlag> f = append ? appendFlags(p) : chance(50) ? EnumSet.of(CreateFlag.CREATE) : EnumSet.of(CreateFlag.CREATE, CreateFlag.OVERWRITE);
      FsPermission mode = new FsPermission((short) any(FILE_MODES));
      byte[] one = bytes(seed, step, 1, size(bs)), two = bytes(seed, step, 2, size(bs));
      boolean sync = chance(25);
      String who = users[r.nextInt(3)];
      int middle = r.nextInt(10);
      String[] what = {"stat", "summary", "create", "append", "truncate", "concat", "rename", "delete", "nothing", "nothing"};
      String other = fresh();
      String d = p.substring(0, p.lastIndexOf('/') + 1);
      String beside = d + name();
      return new Op("hflush", u, p + " " + f + (append ? "" : " mode " + mode + " blocks of " + bs) + ", " + one.length + " + " + two.length + " bytes"
          + (sync ? ", hsync" : "") + ", meanwhile " + what[middle] + " by " + who + (middle == 6 ? " -> " + other : middle == 5 ? " <- " + beside : ""), s -> {
            StringBuilder b = new StringBuilder();
            FSDataOutputStream o = append ? s.as(u).append(new Path(p), f, 4096, null) : s.as(u).create(new Path(p), mode, f, 4096, (short) 2, bs, null, null);
            boolean gone = false;
            try {
              long at = o.getPos();
              b.append("at ").append(at);
              o.write(one);
              if (sync) {
                o.hsync();
              } else {
                o.hflush();
              }
              b.append(", seen ").append(content(s, p));
              DistributedFileSystem w = s.as(who);
              Path x = new Path(p);
              Answer m = ask(() -> {
                switch (what[middle]) {
                case "stat":
                  return facts(w.getFileStatus(x)) + " closed " + w.isFileClosed(x);
                case "summary":
                  ContentSummary c = w.getContentSummary(x);
                  return "length " + c.getLength() + " files " + c.getFileCount();
                case "create":
                  w.create(x, mode, EnumSet.of(CreateFlag.CREATE), 4096, (short) 1, bs, null, null).close();
                  return "created";
                case "append":
                  w.append(x).close();
                  return "appended";
                case "truncate":
                  return "" + w.truncate(x, 0);
                case "concat":
                  w.concat(x, new Path[] {new Path(beside)});
                  return "done";
                case "rename":
                  return "" + w.rename(x, new Path(other));
                case "delete":
                  return "" + w.delete(x, false);
                default:
                  return "";
                }
              });
              b.append(", ").append(what[middle]).append(": ").append(m);
              if (m.refused() && s == left) {
                countClass(m.type + " (meanwhile)");
              }
              gone = what[middle].equals("delete") && "true".equals(m.value);
              if (!gone) {
                o.write(two);
              }
            } finally {
              if (gone) {
                // Whether a datanode or the namenode tells the writer first that its file is gone, and at which call, is a matter of chance.
                boolean[] ok = {false};
                quietly(() -> {
                  o.write(two);
                  o.close();
                  ok[0] = true;
                });
                quietly(o::close);
                b.append(ok[0] ? ", closed" : ", close refused");
              } else {
                o.close();
              }
            }
            return b.toString();
          }, p, other);
    }
  }

  static int[] range(int n) {
    int[] a = new int[n];
    for (int i = 0; i < n; i++) {
      a[i] = i;
    }
    return a;
  }

  // ---- one seed

  static final class Run {
    final long seed;
    final List<String> out = new ArrayList<>();
    final Set<String> known = new HashSet<>();
    Set<String> seen = new HashSet<>();
    int found;
    Op op;
    int step;

    Run(long seed) {
      this.seed = seed;
    }

    boolean meant(String line) {
      for (Intended i : intended) {
        if (i.pattern.matcher(line).matches()) {
          i.used.incrementAndGet();
          return true;
        }
      }
      return false;
    }

    /** Notes a difference unless it is meant, or was there after the step before. */
    void differ(String field, String left, String right) {
      String line = field + ": " + left + " <> " + right;
      if (meant(line)) {
        return;
      }
      seen.add(line);
      if (known.contains(line) || meant("after " + op + ": " + line)) {
        return;
      }
      DIFFERENCES.incrementAndGet();
      out.add("  " + field);
      out.add("    left:  " + left);
      out.add("    right: " + right);
    }

    /** Prints what was found after a step, if anything. */
    void flush() {
      if (out.isEmpty()) {
        return;
      }
      found++;
      synchronized (System.out) {
        System.out.println(brief("DIFFERENCE seed " + seed + " step " + step + ": " + op));
        for (String line : out) {
          System.out.println(brief(line));
        }
        System.out.flush();
      }
      out.clear();
    }

    void compare(String field, String left, String right) {
      if (!left.equals(right)) {
        differ(field, left, right);
      }
    }

    boolean timeDiffers(long left, long right) {
      return Math.min(left, right) < ASSIGNED ? left != right : Math.abs(left - right) > tolerance;
    }

    /** A server may note a read's time without making the reader wait for it. */
    boolean readTimesDiffer(Tree left, Tree right) {
      return left.entries.entrySet().stream().anyMatch(e -> {
        Entry r = right.entries.get(e.getKey());
        return r != null && timeDiffers(e.getValue().atime, r.atime);
      });
    }

    void time(String path, String kind, long left, long right) {
      if (timeDiffers(left, right)) {
        differ(kind + " of " + path, "" + left, "" + right);
      }
    }

    void compare(Tree left, Tree right) {
      compare("order of names", left.order, right.order);
      Set<String> all = new LinkedHashSet<>(left.entries.keySet());
      all.addAll(right.entries.keySet());
      for (String p : all) {
        Entry l = left.entries.get(p), r = right.entries.get(p);
        if (l == null || r == null) {
          differ("existence of " + p, l == null ? "none" : l.facts, r == null ? "none" : r.facts);
          continue;
        }
        compare("status of " + p, l.facts, r.facts);
        time(p, "modification time", l.mtime, r.mtime);
        time(p, "access time", l.atime, r.atime);
      }
    }

    static <T> List<T> both(ExecutorService pool, Server[] servers, java.util.function.Function<Server, Callable<T>> f) throws Exception {
      List<Future<T>> all = new ArrayList<>();
      for (Server s : servers) {
        all.add(pool.submit(f.apply(s)));
      }
      List<T> got = new ArrayList<>();
      for (Future<T> x : all) {
        got.add(x.get());
      }
      return got;
    }

    void run(String[] uris) throws Exception {
      Server[] servers = new Server[uris.length];
      for (int i = 0; i < uris.length; i++) {
        servers[i] = new Server(uris[i]);
      }
      String root = base + "/" + seed;
      ExecutorService pool = Executors.newFixedThreadPool(2, task -> {
        Thread t = new Thread(task);
        t.setDaemon(true);
        return t;
      });
      boolean two = servers.length == 2;
      long began = System.nanoTime();
      try {
        for (Server s : servers) {
          s.root().mkdirs(new Path(base), new FsPermission((short) 0755));
          s.root().delete(new Path(root), true);
          s.root().mkdirs(new Path(root), new FsPermission((short) 0777));
          // what is made in it inherits the group: one that both have, where there is one, so that the group's bits matter
          s.root().setOwner(new Path(root), null, groups[0]);
        }
        Draw draw = new Draw(seed, root);
        draw.left = servers[0];
        draw.t = tree(servers[0], root);
        for (step = 1; step <= count && found < maxDifferences; step++) {
          draw.step = step;
          op = draw.next();
          List<Answer> got = both(pool, servers, s -> () -> ask(() -> op.apply.on(s)));
          count(op.name, got.get(0));
          if (verbose) {
            synchronized (System.out) {
              System.out.println(brief(step + " " + op));
              System.out.println(brief("    " + got.get(0)));
              if (two && !got.get(0).toString().equals(got.get(1).toString())) {
                System.out.println(brief("    " + got.get(1)));
              }
            }
          }
          if (emit != null) {
            emit(got.get(0));
          }
          List<Tree> trees = both(pool, servers, s -> () -> tree(s, root));
          draw.t = trees.get(0);
          for (int tries = 0; two && tries < 20 && readTimesDiffer(trees.get(0), trees.get(1)); tries++) {
            Thread.sleep(100);
            trees.set(1, tree(servers[1], root));
          }
          if (two) {
            seen = new HashSet<>();
            compare(op.name, got.get(0).toString(), got.get(1).toString());
            compare(trees.get(0), trees.get(1));
            boolean all = depth > 0 && step % depth == 0 || step == count;
            for (String p : all ? draw.t.files : op.touched) {
              Entry e = draw.t.entries.get(p);
              if (e != null && !e.dir) {
                List<String> c = both(pool, servers, s -> () -> all ? contentAndChecksum(s, p) : content(s, p));
                compare("content of " + p, c.get(0), c.get(1));
                if (c.get(0).contains("but checksum")) {
                  differ("checksum of " + p, c.get(0), c.get(1));
                }
              }
            }
            known.clear();
            known.addAll(seen);
            flush();
          }
        }
        double secs = (System.nanoTime() - began) / 1e9;
        synchronized (System.out) {
          System.out.printf("seed %d: %d operations, %d with a difference, %.0f s (%.0f a minute), %d entries at the end%n", seed, step - 1, found, secs, (step - 1) / secs * 60,
              draw.t.entries.size());
          System.out.flush();
        }
      } finally {
        pool.shutdownNow();
        for (Server s : servers) {
          s.close();
        }
      }
    }

    void emit(Answer a) {
      String line = "{\"seed\":" + seed + ",\"step\":" + step + ",\"user\":" + json(op.user) + ",\"op\":" + json(op.name) + ",\"args\":" + json(op.args)
          + (a.refused() ? ",\"class\":" + json(a.type) + ",\"message\":" + json(a.message) : ",\"value\":" + json(a.value)) + "}";
      synchronized (emit) {
        emit.println(line);
      }
    }
  }

  static String json(String s) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : s.toCharArray()) {
      if (c == '"' || c == '\\') {
        b.append('\\').append(c);
      } else if (c < ' ') {
        b.append(String.format("\\u%04x", (int) c));
      } else {
        b.append(c);
      }
    }
    return b.append('"').toString();
  }

  static synchronized void countClass(String type) {
    BY_CLASS.merge(type, 1, Integer::sum);
  }

  static synchronized void count(String op, Answer a) {
    int[] c = BY_OP.get(op);
    c[0]++;
    if (a.refused()) {
      c[1]++;
      countClass(a.type);
    } else if (a.value.equals("false")) {
      c[2]++;
    }
  }

  // ---- main

  static List<Long> seeds(String spec) {
    List<Long> all = new ArrayList<>();
    for (String part : spec.split(",")) {
      int dash = part.indexOf('-', 1);
      long from = Long.parseLong(dash < 0 ? part : part.substring(0, dash)), to = dash < 0 ? from : Long.parseLong(part.substring(dash + 1));
      for (long s = from; s <= to; s++) {
        all.add(s);
      }
    }
    return all;
  }

  static void readIntended(String file) throws IOException {
    try (BufferedReader r = Files.newBufferedReader(Paths.get(file))) {
      for (String line; (line = r.readLine()) != null;) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        String[] f = line.split("\t+");
        if (f.length != 3) {
          throw new IOException(file + ": not NAME <tab> REGEX <tab> REASON: " + line);
        }
        intended.add(new Intended(f[0], Pattern.compile(f[1]), f[2]));
      }
    }
  }

  static void usage() {
    System.err.println("usage: RandomOps LEFT [RIGHT] --users SUPERUSER,A,B [--seeds 1-20] [--count N] [--replay SEED] [--parallel N] [--depth N] [--intended FILE]"
        + " [--emit FILE] [--max-differences N] [--tolerance MS] [--block-sizes N,N] [--base PATH]");
    System.exit(2);
  }

  public static void main(String[] args) throws Exception {
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8"));
    List<String> uris = new ArrayList<>();
    List<Long> seeds = seeds("1-20");
    int parallel = 4;
    for (int i = 0; i < args.length; i++) {
      if (!args[i].startsWith("--")) {
        uris.add(args[i]);
        continue;
      }
      if (i + 1 == args.length) {
        usage();
      }
      String v = args[++i];
      switch (args[i - 1]) {
      case "--users":
        users = v.split(",");
        break;
      case "--seeds":
        seeds = seeds(v);
        break;
      case "--replay":
        seeds = seeds(v);
        verbose = true;
        break;
      case "--count":
        count = Integer.parseInt(v);
        break;
      case "--parallel":
        parallel = Integer.parseInt(v);
        break;
      case "--depth":
        depth = Integer.parseInt(v);
        break;
      case "--intended":
        readIntended(v);
        break;
      case "--emit":
        emit = new PrintStream(v, "UTF-8");
        break;
      case "--max-differences":
        maxDifferences = Integer.parseInt(v);
        break;
      case "--tolerance":
        tolerance = Long.parseLong(v);
        break;
      case "--block-sizes":
        blockSizes = Arrays.stream(v.split(",")).mapToInt(Integer::parseInt).toArray();
        break;
      case "--base":
        base = v;
        break;
      default:
        usage();
      }
    }
    if (uris.isEmpty() || uris.size() > 2 || users == null || users.length != 3) {
      usage();
    }
    List<List<String>> of = new ArrayList<>();
    for (int i = 1; i < 3; i++) {
      of.add(Arrays.asList(UserGroupInformation.createRemoteUser(users[i]).getGroupNames()));
      if (of.get(i - 1).isEmpty()) {
        System.err.println("RandomOps: the user " + users[i] + " does not exist on this host");
        System.exit(2);
      }
    }
    Set<String> g = new LinkedHashSet<>(of.get(0));
    g.retainAll(of.get(1));
    g.addAll(of.get(0));
    g.addAll(of.get(1));
    g.add("supergroup");
    g.add("no_such_group");
    groups = g.toArray(new String[0]);
    for (String op : OPS) {
      BY_OP.put(op, new int[3]);
    }

    ExecutorService pool = Executors.newFixedThreadPool(Math.max(1, parallel));
    List<Future<?>> all = new ArrayList<>();
    long began = System.nanoTime();
    for (long seed : seeds) {
      all.add(pool.submit(() -> {
        new Run(seed).run(uris.toArray(new String[0]));
        return null;
      }));
    }
    int broken = 0;
    for (int i = 0; i < all.size(); i++) {
      try {
        all.get(i).get();
      } catch (Exception e) {
        System.out.println("BROKEN seed " + seeds.get(i) + ": " + e.getCause());
        if (verbose) {
          e.getCause().printStackTrace(System.out);
        }
        broken++;
      }
    }
    pool.shutdown();
    boolean enough = report((System.nanoTime() - began) / 1e9);
    if (emit != null) {
      emit.close();
    }
    System.out.println((seeds.size() - broken) + " seeds run, " + broken + " broken, " + DIFFERENCES.get() + " differences that are not meant");
    System.out.flush();
    Runtime.getRuntime().halt(broken == 0 && DIFFERENCES.get() == 0 && enough ? 0 : 1);
  }

  /** Prints the counts; false when they are not those of a fair test. */
  static boolean report(double secs) {
    int total = 0, refused = 0, no = 0;
    for (int[] c : BY_OP.values()) {
      total += c[0];
      refused += c[1];
      no += c[2];
    }
    if (total == 0) {
      return false;
    }
    boolean enough = true;
    System.out.println();
    System.out.printf("%-10s %8s %7s %9s %9s %8s%n", "operation", "count", "share", "refused", "", "false");
    for (Map.Entry<String, int[]> e : BY_OP.entrySet()) {
      int[] c = e.getValue();
      boolean few = c[0] * 50 < total;
      System.out.printf("%-10s %8d %6.1f%% %9d %8.1f%% %8d%s%n", e.getKey(), c[0], 100.0 * c[0] / total, c[1], c[0] == 0 ? 0 : 100.0 * c[1] / c[0], c[2],
          few ? "   less than 2 %" : "");
      enough &= !few || total < 1000;
    }
    System.out.printf("%-10s %8d %6.1f%% %9d %8.1f%% %8d%n", "all", total, 100.0, refused, 100.0 * refused / total, no);
    if (refused * 10 < total * 3) {
      System.out.println("less than 30 % were refused");
      enough &= total < 1000;
    }
    System.out.println();
    System.out.printf("%8s  %s%n", "count", "exception");
    BY_CLASS.entrySet().stream().sorted((a, b) -> b.getValue() - a.getValue()).forEach(e -> System.out.printf("%8d  %s%n", e.getValue(), e.getKey()));
    System.out.println();
    for (Intended i : intended) {
      System.out.printf("%8d  meant: %s (%s)%n", i.used.get(), i.name, i.reason);
    }
    System.out.printf("%.0f s, %.0f operations a minute%n", secs, total / secs * 60);
    return enough;
  }
}
