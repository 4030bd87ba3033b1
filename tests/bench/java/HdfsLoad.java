import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * The same load as tests/tools/bench_load.c, with the stock Java client: the same options, operations and lines.
 *
 *   HdfsLoad --uri URI [--label TEXT] [--dir DIR] [--callers N] [--count N] [--bytes N] [--block-size N] [--replication N]
 *            [--pids P,P] [--disk NAME] [--warm N] [--before COMMAND] meta|data OPERATION...
 *
 * --warm N does N operations of each kind first, unmeasured, so that the figures are those of a warm process. The name of a
 * deletion of bulk data is "remove". With -Dsync=true blocks are synced when they are closed (CreateFlag.SYNC_BLOCK).
 */
public class HdfsLoad {
	static final int SMALL = 4096, CHUNK = 1 << 20, PATTERN = 8 << 20;
	static final double GIB = 1 << 30, MIB = 1 << 20;

	static String uri, label = "hdfs", dir = "/bench", disk, before;
	static int callers = 1;
	static long count = 1000, bytes = 256 << 20, blockSize = 128 << 20, warm;
	static short replication = 3;
	static List<String> pids = new ArrayList<>();
	static byte[] pattern = new byte[PATTERN + CHUNK];

	interface Operation {
		void run(FileSystem fs, int caller, long i) throws Exception;
	}

	static org.apache.hadoop.fs.Path path(int caller, char kind, long i) {
		return new org.apache.hadoop.fs.Path(dir + "/c" + caller + "/" + kind + i);
	}

	static void makeFile(FileSystem fs, org.apache.hadoop.fs.Path path, long n, long block) throws Exception {
		EnumSet<CreateFlag> how = EnumSet.of(CreateFlag.CREATE, CreateFlag.OVERWRITE);
		if (Boolean.getBoolean("sync"))
			how.add(CreateFlag.SYNC_BLOCK);
		try (OutputStream out = fs.create(path, FsPermission.getFileDefault(), how, 65536, replication, block, null)) {
			for (long at = 0; at < n; at += CHUNK)
				out.write(pattern, (int) (at % PATTERN), (int) Math.min(CHUNK, n - at));
		}
	}

	static void readFile(FileSystem fs, org.apache.hadoop.fs.Path path, byte[] into, long want) throws Exception {
		long total = 0;
		try (InputStream in = fs.open(path)) {
			int n;
			while ((n = in.read(into)) > 0)
				total += n;
		}
		if (total != want)
			throw new AssertionError(path + ": " + total + " bytes");
	}

	static final ThreadLocal<byte[]> BUFFER = ThreadLocal.withInitial(() -> new byte[CHUNK]);

	static Operation operation(String name) {
		long share = Math.max(1, count / callers);
		switch (name) {
		case "create": return (fs, c, i) -> makeFile(fs, path(c, 'f', i), 0, blockSize);
		case "stat": return (fs, c, i) -> fs.getFileStatus(path(c, 'f', i % share));
		case "list": return (fs, c, i) -> fs.listStatusIterator(new org.apache.hadoop.fs.Path(dir + "/c" + c)).hasNext();
		case "rename": return (fs, c, i) -> {
			if (!fs.rename(path(c, 'f', i), path(c, 'g', i)))
				throw new AssertionError("rename");
		};
		case "delete": return (fs, c, i) -> {
			if (!fs.delete(path(c, 'g', i), false))
				throw new AssertionError("delete");
		};
		case "create4k": return (fs, c, i) -> makeFile(fs, path(c, 'k', i), SMALL, blockSize);
		case "read4k": return (fs, c, i) -> readFile(fs, path(c, 'k', i), BUFFER.get(), SMALL);
		case "delete4k": return (fs, c, i) -> fs.delete(path(c, 'k', i), false);
		case "put": return (fs, c, i) -> makeFile(fs, path(c, 'd', 0), bytes / callers, blockSize);
		case "get": return (fs, c, i) -> readFile(fs, path(c, 'd', 0), BUFFER.get(), bytes / callers);
		case "remove": return (fs, c, i) -> fs.delete(path(c, 'd', 0), false);
		default: throw new IllegalArgumentException(name);
		}
	}

	static long times(String name, boolean data) {
		long share = Math.max(1, count / callers);
		if (data)
			return 1;
		switch (name) {
		case "stat": return share * 4;
		case "list": return Math.max(1, share / 4);
		default: return share;
		}
	}

	/* ---- measuring ---- */

	static double cpuOf(String pid) throws Exception {
		String s = Files.readString(Path.of("/proc/" + pid + "/stat"));
		String[] f = s.substring(s.lastIndexOf(')') + 2).split(" ");
		return (Long.parseLong(f[11]) + Long.parseLong(f[12])) / 100.0;
	}

	static double cpuServers() throws Exception {
		double sum = 0;
		for (String p : pids)
			sum += cpuOf(p);
		return sum;
	}

	static double cpuOwn() {
		return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
	}

	static long flushes() throws Exception {
		if (disk == null || disk.isEmpty())
			return 0;
		return Long.parseLong(Files.readString(Path.of("/sys/class/block/" + disk + "/stat")).trim().split(" +")[15]);
	}

	static class Result {
		double seconds, client, servers;
		long flushes;
		long[] nanos;

		double ms(int permille) {
			return nanos[(int) ((nanos.length - 1L) * permille / 1000)] / 1e6;
		}
	}

	static Result go(FileSystem fs, Operation o, long each, long first) throws Exception {
		Result r = new Result();
		CountDownLatch start = new CountDownLatch(1);
		AtomicReference<Throwable> failed = new AtomicReference<>();
		Thread[] threads = new Thread[callers];
		r.nanos = new long[(int) (each * callers)];
		for (int c = 0; c < callers; c++) {
			int caller = c;
			threads[c] = new Thread(() -> {
				try {
					start.await();
					for (long i = 0; i < each; i++) {
						long began = System.nanoTime();
						o.run(fs, caller, first + i);
						r.nanos[(int) (caller * each + i)] = System.nanoTime() - began;
					}
				} catch (Throwable t) {
					failed.compareAndSet(null, t);
				}
			});
			threads[c].start();
		}
		double own = cpuOwn(), servers = cpuServers();
		long flushes = flushes(), began = System.nanoTime();
		start.countDown();
		for (Thread t : threads)
			t.join();
		r.seconds = (System.nanoTime() - began) / 1e9;
		r.client = cpuOwn() - own;
		r.servers = cpuServers() - servers;
		r.flushes = flushes() - flushes;
		if (failed.get() != null)
			throw new Exception(failed.get());
		Arrays.sort(r.nanos);
		return r;
	}

	static void print(String name, boolean data, Result r) {
		String tail = disk == null || disk.isEmpty() ? "}" : ",\"disk_flushes\":" + r.flushes + "}";
		double n = r.nanos.length, gib = bytes / callers * callers / GIB;
		if (data)
			System.out.printf(Locale.ROOT, "{\"figure\":\"%s\",\"system\":\"%s\",\"streams\":%d,\"replication\":%d,\"mib\":%.0f,"
				+ "\"mib_per_s\":%.1f,\"cpu_s_per_gib_client\":%.2f,\"cpu_s_per_gib_servers\":%.2f%s%n", name, label, callers,
				replication, gib * 1024, gib * 1024 / r.seconds, r.client / gib, r.servers / gib, tail);
		else
			System.out.printf(Locale.ROOT, "{\"figure\":\"%s\",\"system\":\"%s\",\"callers\":%d,\"n\":%d,\"ops_per_s\":%.1f,"
				+ "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_us_per_op_client\":%.1f,\"cpu_us_per_op_servers\":%.1f%s%n", name, label,
				callers, r.nanos.length, n / r.seconds, r.ms(500), r.ms(990), r.client / n * 1e6, r.servers / n * 1e6, tail);
	}

	static long number(String s) {
		int unit = "KMG".indexOf(s.charAt(s.length() - 1)) + 1;
		return Long.parseLong(unit == 0 ? s : s.substring(0, s.length() - 1)) << 10 * unit;
	}

	static int options(String[] args) {
		int i = 0;
		for (; args[i].startsWith("--"); i += 2) {
			String v = args[i + 1];
			switch (args[i]) {
			case "--uri": uri = v; break;
			case "--label": label = v; break;
			case "--dir": dir = v; break;
			case "--callers": callers = Integer.parseInt(v); break;
			case "--count": count = number(v); break;
			case "--bytes": bytes = number(v); break;
			case "--block-size": blockSize = number(v); break;
			case "--replication": replication = Short.parseShort(v); break;
			case "--pids": pids.addAll(Arrays.asList(v.split(","))); break;
			case "--disk": disk = v; break;
			case "--warm": warm = number(v); break;
			case "--before": before = v; break;
			default: throw new IllegalArgumentException(args[i]);
			}
		}
		return i;
	}

	static void prepare() throws Exception {
		if (before != null && new ProcessBuilder("sh", "-c", before).inheritIO().start().waitFor() != 0)
			throw new Exception("failed: " + before);
	}

	/* Each kind of operation in turn, in a directory of its own, until the JIT knows them. */
	static void warmUp(FileSystem fs, List<String> names, boolean data) throws Exception {
		String real = dir;
		long realBytes = bytes;
		if (warm == 0)
			return;
		dir = real + "/warm";
		bytes = Math.min(bytes, (64L << 20) * callers);
		for (int c = 0; c < callers; c++)
			fs.mkdirs(new org.apache.hadoop.fs.Path(dir + "/c" + c));
		if (data)
			go(fs, operation("put"), 1, 0);
		for (long round = 0; round < (data ? warm : 1); round++)
			for (String name : names)
				if (!name.equals("remove") && !name.equals("stat"))
					go(fs, operation(name), data ? 1 : Math.max(1, warm / callers), 0);
		fs.delete(new org.apache.hadoop.fs.Path(dir), true);
		dir = real;
		bytes = realBytes;
	}

	public static void main(String[] args) throws Exception {
		int at = options(args);
		boolean data = args[at].equals("data");
		String[] names = Arrays.copyOfRange(args, at + 1, args.length);
		long x = 0x9e3779b97f4a7c15L;
		for (int i = 0; i < PATTERN; i += 8) {
			x ^= x << 13;
			x ^= x >>> 7;
			x ^= x << 17;
			for (int b = 0; b < 8; b++)
				pattern[i + b] = (byte) (x >>> 8 * b);
		}
		System.arraycopy(pattern, 0, pattern, PATTERN, CHUNK);
		try (FileSystem fs = FileSystem.newInstance(URI.create(uri), new Configuration())) {
			for (int c = 0; c < callers; c++)
				fs.mkdirs(new org.apache.hadoop.fs.Path(dir + "/c" + c));
			warmUp(fs, Arrays.asList(names), data);
			for (String name : names) {
				prepare();
				Result r = go(fs, operation(name), times(name, data), 0);
				if (!name.equals("remove"))
					print(name, data, r);
			}
		}
	}
}
