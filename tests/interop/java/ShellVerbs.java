/*
 * ShellVerbs: Hadoop's own shell (what `hdfs dfs` runs), verb by verb, on two file systems; or on one.
 *
 *   ShellVerbs LEFT [RIGHT] DIRECTORY [--transcript FILE] [VERB...]
 *
 * Every command line below is run on both: exit status, standard output and standard error must be equal, but for dates, addresses and sizes of
 * the cluster; and the status must be the one that stands before the command.  DIRECTORY is made anew on each side (and again for every run).
 * One line for each verb, "ok VERB" or "FAIL VERB: why"; exits 1 when one failed.  The transcript has every command and what LEFT said.
 */
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.util.ToolRunner;

public final class ShellVerbs {
  /**
   * STATUS VERB ARGUMENTS.  @ is the directory in the file system, % the local one; a word in single quotes may hold spaces; "< WORD" gives
   * standard input; "! trash" turns the client's trash on.
   */
  static final String[] SCRIPT = {
      "0 mkdir @/d @/e",
      "1 mkdir @/d",
      "0 mkdir -p @/d @/d/x/y",
      "1 mkdir @/none/x",
      "0 mkdir '@/with space'",
      "0 put %/small @/d",
      "1 put %/small @/d",
      "0 put -f %/small @/d",
      "1 put %/none @/d",
      "1 put %/small @/none/x/y",
      "0 put %/empty %/large @/d",
      "1 put %/empty %/small @/d/small",
      "0 put -d %/small @/d/direct",
      "0 put -p %/small @/d/kept",
      "0 put -t 2 %/tree @/t",
      "0 put - @/d/stdin < words",
      "0 copyFromLocal %/small @/d/cfl",
      "0 moveFromLocal %/moved @/d",
      "1 moveToLocal @/d/moved %/back",
      "0 put %/words.gz @/d",
      "0 ls @",
      "0 ls -d @/d",
      "0 ls -R @",
      "0 ls -C @/d",
      "0 ls -h @/d",
      "0 ls -S @/d",
      "0 ls -S -r @/d",
      "0 ls -q @/d",
      "0 ls -e @/d",
      "0 ls @/d/*l*",
      "0 ls @/d/{small,large}",
      "1 ls @/none",
      "1 ls @/no*",
      "0 cat @/d/small",
      "0 cat @/d/small @/d/stdin",
      "0 cat -ignoreCrc @/d/small",
      "1 cat @/d",
      "1 cat @/none",
      "0 text @/d/words.gz",
      "0 text @/d/small",
      "0 head @/d/large",
      "0 tail @/d/large",
      "1 tail @/none",
      "0 get @/d/large %/out/large",
      "1 get @/d/large %/out/large",
      "1 get -f -p @/d/small %/out/small",
      "0 chgrp root @/d/small",
      "0 get -f -p @/d/small %/out/small",
      "0 get -crc @/d/small %/out/crc",
      "0 get -ignoreCrc @/d/small %/out/ignored",
      "0 get @/t %/out",
      "1 get @/none %/out",
      "0 copyToLocal @/d/stdin %/out/stdin",
      "0 getmerge @/t/a %/out/merged",
      "0 getmerge -nl @/t/a %/out/merged",
      "0 getmerge -skip-empty-file -nl @/d/empty @/d/small %/out/merged",
      "0 appendToFile %/small @/d/small",
      "0 appendToFile - @/d/small < words",
      "0 appendToFile %/small %/small @/d/new",
      "0 appendToFile -n %/small @/d/new",
      "1 appendToFile %/none @/d/new",
      "1 appendToFile %/small @/d",
      "0 cat @/d/small @/d/new",
      "0 checksum @/d/large",
      "0 checksum -v @/d/large",
      "0 checksum @/d/small",
      "1 checksum @/none",
      "1 checksum @/d",
      "0 cp @/d/large @/e",
      "1 cp @/d/large @/e",
      "0 cp -f @/d/large @/e",
      "0 cp -p @/d/kept @/e/kept",
      "0 cp -d @/d/stdin @/e/stdin",
      "0 cp -t 2 @/t @/e",
      "1 cp @/none @/e",
      "0 cat @/e/t/b/two",
      "0 mv @/e/stdin @/e/renamed",
      "0 mv @/e/renamed @/e/t",
      "1 mv @/e/none @/e/t",
      "1 mv @/e/t @/e/t/a",
      "1 mv @/e/large @/e/kept",
      "0 mv @/e/large @/e/kept @/e/t",
      "1 mv @/e/t @/none/x/y",
      "0 ls -R @/e",
      "0 touch -t 20200102:030405 @/d/touched",
      "0 touch -a -t 20010101:000000 @/d/touched",
      "0 touch -m -t 20020202:020202 @/d/touched",
      "0 touch -c @/d/none",
      "0 touchz @/d/zero",
      "0 touchz @/d/zero",
      "1 touchz @/d/small",
      "1 touchz @/none/x/y",
      "0 stat @/d/touched",
      "0 stat '%F %a %A %b %g %n %o %r %u %x %X %y %Y' @/d/touched",
      "0 stat '%F %a %A %b %g %n %o %r %u' @/d",
      "1 stat @/none",
      "0 ls -t @/d/touched",
      "0 ls -u @/d/touched",
      "0 chmod 640 @/d/small",
      "0 chmod u+x,g-r,o=w @/d/small",
      "0 chmod -R 755 @/t",
      "0 chmod 1777 @/e",
      "0 chmod +t @/d",
      "1 chmod 777 @/none",
      "255 chmod abc @/d",
      "0 chown nobody @/d/small",
      "0 chown -R nobody:nogroup @/t",
      "0 chown :daemon @/d/empty",
      "1 chown nobody @/none",
      "0 chgrp games @/d/empty",
      "0 chgrp -R games @/t",
      "0 ls -R @",
      "0 setrep 1 @/d/small",
      "0 setrep -w 2 @/d/small",
      "0 setrep -R 1 @/t",
      "0 setrep 3 @/t/a",
      "1 setrep 2 @/none",
      "255 setrep 0 @/d/small",
      "1 setrep 1000 @/d/small",
      "0 ls -R @/t",
      "0 truncate -w 100000 @/d/large",
      "0 truncate -w 1000 @/d/large",
      "255 truncate -w 100000 @/d/large",
      "255 truncate -w -5 @/d/large",
      "1 truncate -w 10 @/d",
      "0 cat @/d/large",
      "0 put -f %/small @/e/c1",
      "0 put -f %/small @/e/c2",
      "0 put -f %/large @/e/c3",
      "0 concat @/e/c1 @/e/c2 @/e/c3",
      "1 concat @/e/c1 @/e/none",
      "1 concat @/e/none @/e/c1",
      "1 concat @/e/c1",
      "0 checksum @/e/c1",
      "0 tail @/e/c1",
      "0 du @/t",
      "0 du -s @/t",
      "0 du -s -h @",
      "0 du -v @/d",
      "0 du -x @/d",
      "1 du @/none",
      "0 count @/t",
      "0 count -q -v @/t",
      "0 count -h -v @ @/d",
      "0 count -u -v @/t",
      "0 count -q -t -v @/t",
      "0 count -x @/t",
      "0 count -e @/t",
      "1 count @/none",
      "0 df @",
      "0 df -h",
      "0 find @ -name '*mall*' -print",
      "0 find @/t -iname TWO",
      "0 find @/t",
      "1 find @/none",
      "0 test -d @/d",
      "1 test -d @/d/small",
      "0 test -e @/d/small",
      "1 test -e @/none",
      "0 test -f @/d/small",
      "1 test -f @/d",
      "0 test -s @/d/small",
      "1 test -s @/d/empty",
      "0 test -z @/d/empty",
      "1 test -z @/d/small",
      "0 test -r @/d/small",
      "0 test -w @/d/small",
      "1 test -r @/none",
      "1 rmdir @/d",
      "0 mkdir @/gone",
      "0 rmdir @/gone",
      "1 rmdir @/gone",
      "1 rmdir @/d/small",
      "0 rmdir --ignore-fail-on-non-empty @/d",
      "1 rm @/d",
      "1 rm @/none",
      "0 rm -f @/none",
      "0 rm @/d/zero",
      "0 rm -skipTrash @/d/kept @/d/cfl",
      "0 rm -r @/e/t",
      "0 rm -r -f -skipTrash @/t",
      "1 rm @/t",
      "0 ls -R @",
      "0 mkdir @/trash",
      "0 put %/small @/trash/a",
      "0 put %/small @/trash/b",
      "0 rm @/trash/a ! trash",
      "0 rm -skipTrash @/trash/b ! trash",
      "0 rm -r @/trash ! trash",
      "0 ls -R .Trash/Current@/trash",
      "0 expunge -immediate ! trash",
      "0 ls .Trash",
      "0 mkdir -p home/x",
      "0 ls",
      "0 rm -r -skipTrash home",
      "1 createSnapshot @/d s",
      "1 deleteSnapshot @/d s",
      "1 renameSnapshot @/d s t",
      "0 getfacl @/d",
      "1 setfacl -m user:nobody:rwx @/d",
      "1 setfacl -b @/d",
      "1 getfattr -d @/d",
      "1 setfattr -n user.a -v b @/d",
      "1 setfattr -x user.a @/d",
      "0 help ls",
      "0 usage put",
      "255 nonsense",
      "255 mkdir",
      "255 ls -Z @",
      "255 mv @/d",
  };

  static final class Said {
    int status;
    String out, err;

    @Override
    public String toString() {
      return "status " + status + "\n" + out + (err.isEmpty() ? "" : "[stderr]\n" + err);
    }
  }

  static Path local;

  static byte[] text(int seed, int bytes) {
    StringBuilder b = new StringBuilder();
    Random r = new Random(seed);
    while (b.length() < bytes) {
      b.append(Integer.toString(r.nextInt(), 36)).append(r.nextInt(8) == 0 ? '\n' : ' ');
    }
    return b.substring(0, bytes).getBytes(StandardCharsets.US_ASCII);
  }

  static void delete(File f) {
    File[] all = f.listFiles();
    if (all != null) {
      for (File x : all) {
        delete(x);
      }
    }
    f.delete();
  }

  /** The local files that the script names. */
  static void prepare() throws Exception {
    delete(local.toFile());
    Files.createDirectories(local.resolve("out"));
    Files.createDirectories(local.resolve("tree/a"));
    Files.createDirectories(local.resolve("tree/b/deep"));
    Files.write(local.resolve("small"), "one small file\nof two lines\n".getBytes(StandardCharsets.US_ASCII));
    Files.write(local.resolve("moved"), "to be moved\n".getBytes(StandardCharsets.US_ASCII));
    Files.write(local.resolve("empty"), new byte[0]);
    Files.write(local.resolve("large"), text(1, 2_500_000));
    Files.write(local.resolve("tree/a/one"), text(2, 1000));
    Files.write(local.resolve("tree/a/two"), text(3, 70_000));
    Files.write(local.resolve("tree/b/two"), text(4, 10));
    Files.write(local.resolve("tree/b/deep/empty"), new byte[0]);
    try (GZIPOutputStream z = new GZIPOutputStream(new FileOutputStream(local.resolve("words.gz").toFile()))) {
      z.write("words that were compressed\n".getBytes(StandardCharsets.US_ASCII));
    }
    for (File f : local.toFile().listFiles()) {
      f.setLastModified(1_500_000_000_000L);
    }
  }

  static List<String> words(String line) {
    List<String> all = new ArrayList<>();
    StringBuilder b = null;
    boolean quoted = false;
    for (char c : line.toCharArray()) {
      if (c == '\'') {
        quoted = !quoted;
        b = b == null ? new StringBuilder() : b;
      } else if (c == ' ' && !quoted) {
        if (b != null) {
          all.add(b.toString());
        }
        b = null;
      } else {
        b = b == null ? new StringBuilder() : b;
        b.append(c);
      }
    }
    if (b != null) {
      all.add(b.toString());
    }
    return all;
  }

  /** What may differ between two servers, or from run to run. */
  static String common(String s, String uri, String dir) {
    return s.replace(uri, "FS").replaceAll("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d(:\\d\\d)?", "DATE").replaceAll("\\b1[5-9]\\d{11}\\b", "MS")
        .replaceAll("127\\.0\\.0\\.1:\\d+", "ADDRESS").replaceAll("localhost:\\d+", "ADDRESS").replaceAll("blk_\\d+(_\\d+)?", "BLOCK").replaceAll("BP-[0-9.-]+", "POOL")
        .replaceAll("DFSClient_[A-Za-z0-9_-]+", "CLIENT").replaceAll("Trash/\\d{6,}", "Trash/STAMP").replaceAll("\\. ?\\d+ ms\\b", "N ms");
  }

  static Said run(String uri, String dir, String line) throws Exception {
    List<String> w = words(line);
    Configuration conf = new Configuration();
    conf.set("fs.defaultFS", uri);
    conf.setBoolean("fs.hdfs.impl.disable.cache", true);
    conf.set("dfs.checksum.combine.mode", "COMPOSITE_CRC");
    conf.setLong("dfs.blocksize", 1 << 20);
    conf.setInt("dfs.replication", 2);
    byte[] stdin = new byte[0];
    int at = w.indexOf("<");
    if (at > 0) {
      stdin = (w.get(at + 1) + " from standard input\n").getBytes(StandardCharsets.US_ASCII);
      w = w.subList(0, at);
    }
    at = w.indexOf("!");
    if (at > 0) {
      if (w.get(at + 1).equals("trash")) {
        conf.setInt("fs.trash.interval", 60);
      }
      w = w.subList(0, at);
    }
    String[] args = new String[w.size()];
    for (int i = 0; i < args.length; i++) {
      String x = w.get(i);
      args[i] = i == 0 ? "-" + x : x.matches("%[FaAbgnoruxXyY].*") ? x : x.replace("@", dir).replaceFirst("^%", local.toString());
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
    PrintStream o = System.out, e = System.err;
    InputStream in = System.in;
    Said s = new Said();
    try {
      System.setOut(new PrintStream(out, true, "UTF-8"));
      System.setErr(new PrintStream(err, true, "UTF-8"));
      System.setIn(new ByteArrayInputStream(stdin));
      s.status = ToolRunner.run(conf, new FsShell(), args) & 255;
    } finally {
      System.setOut(o);
      System.setErr(e);
      System.setIn(in);
    }
    s.out = common(out.toString("UTF-8"), uri, dir);
    s.err = common(err.toString("UTF-8"), uri, dir);
    // how long, and whether at all, a command waited is a server's own: bdfs truncates at once, and removes and copies replicas sooner
    s.out = s.out.replaceAll("(Waiting for \\S+ )\\.+ done", "$1... done");
    if (w.get(0).equals("truncate")) {
      s.out = s.out.replaceAll("Waiting for \\S+ \\.+\n", "");
    }
    if (w.get(0).equals("df")) {
      s.out = s.out.replace(URI.create(uri).getAuthority(), "ADDRESS").replaceAll("\\b\\d[\\d.]*%?( [KMGT])?", "N").replaceAll(" +", " ");
    }
    return s;
  }

  static String brief(String s) {
    return s.length() > 600 ? s.substring(0, 600) + "..." : s;
  }

  public static void main(String[] args) throws Exception {
    System.setOut(new PrintStream(new FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
    List<String> uris = new ArrayList<>(), only = new ArrayList<>();
    String dir = null;
    PrintStream transcript = null;
    for (int i = 0; i < args.length; i++) {
      if (args[i].equals("--transcript")) {
        transcript = new PrintStream(args[++i], "UTF-8");
      } else if (args[i].startsWith("hdfs://")) {
        uris.add(args[i]);
      } else if (dir == null) {
        dir = args[i];
      } else {
        only.add(args[i]);
      }
    }
    if (uris.isEmpty() || dir == null) {
      System.err.println("usage: ShellVerbs LEFT [RIGHT] DIRECTORY [--transcript FILE] [VERB...]");
      System.exit(2);
    }
    local = Files.createTempDirectory("shell").resolve("local");
    for (String u : uris) {
      Configuration conf = new Configuration();
      conf.setBoolean("fs.hdfs.impl.disable.cache", true);
      try (FileSystem fs = FileSystem.newInstance(URI.create(u), conf)) {
        fs.delete(new org.apache.hadoop.fs.Path(dir), true);
        fs.mkdirs(new org.apache.hadoop.fs.Path(dir));
        org.apache.hadoop.fs.Path home = fs.getHomeDirectory();
        fs.delete(new org.apache.hadoop.fs.Path(home, ".Trash"), true);
        fs.mkdirs(home);
      }
    }
    // Each side sees the same local files before each command: the whole script on one side, then on the other.
    List<List<Said>> said = new ArrayList<>();
    for (String u : uris) {
      prepare();
      List<Said> all = new ArrayList<>();
      for (String line : SCRIPT) {
        String[] f = line.split(" ", 2);
        String verb = words(f[1]).get(0);
        Said s = run(u, dir, f[1]);
        // what was brought here is part of the answer
        if (verb.matches("get|copyToLocal|getmerge") && s.status == 0) {
          String target = words(f[1]).get(words(f[1]).size() - 1).replaceFirst("^%", local.toString());
          s.out += digest(new File(target));
        }
        all.add(s);
      }
      said.add(all);
    }
    delete(local.getParent().toFile());
    Map<String, List<String>> wrong = new LinkedHashMap<>();
    int commands = 0;
    for (int i = 0; i < SCRIPT.length; i++) {
      String[] f = SCRIPT[i].split(" ", 2);
      String verb = words(f[1]).get(0);
      Said l = said.get(0).get(i);
      if (!only.isEmpty() && !only.contains(verb)) {
        continue;
      }
      commands++;
      List<String> w = wrong.computeIfAbsent(verb, k -> new ArrayList<>());
      if (transcript != null) {
        transcript.println("$ " + f[1] + "\n" + l);
      }
      if (l.status != Integer.parseInt(f[0])) {
        w.add(f[1] + ": status " + l.status + " instead of " + f[0] + "\n" + brief(l.toString()));
      }
      if (uris.size() == 2 && !l.toString().equals(said.get(1).get(i).toString())) {
        w.add(f[1] + "\n  left:  " + brief(l.toString()).replace("\n", "\n         ") + "\n  right: " + brief(said.get(1).get(i).toString()).replace("\n", "\n         "));
      }
    }
    int bad = 0;
    for (Map.Entry<String, List<String>> e : wrong.entrySet()) {
      if (e.getValue().isEmpty()) {
        System.out.println("ok " + e.getKey());
      }
      for (String w : e.getValue()) {
        System.out.println("FAIL " + e.getKey() + ": " + w);
        bad++;
      }
    }
    if (transcript != null) {
      transcript.close();
    }
    System.out.println(wrong.size() + " verbs, " + commands + " commands, " + bad + " failures");
    System.out.flush();
    Runtime.getRuntime().halt(bad == 0 ? 0 : 1);
  }

  static String digest(File f) throws Exception {
    if (f.isDirectory()) {
      StringBuilder b = new StringBuilder();
      File[] all = f.listFiles();
      Arrays.sort(all);
      for (File x : all) {
        b.append(x.getName()).append(": ").append(digest(x));
      }
      return b.toString();
    }
    byte[] b = Files.readAllBytes(f.toPath());
    return b.length + " bytes " + Integer.toHexString(Arrays.hashCode(b)) + "\n";
  }
}
