import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * A file that is read while it is being written.
 *
 *   OwnWrite home URI DIR USER  make DIR, which others may pass through; gone URI DIR takes it away
 *   OwnWrite write URI FILE     write FILE (0600), flushing now and then, and read all of it each time; says "flushed LENGTH" after
 *                               the first half and goes on when a line comes on standard input; "written LENGTH" at the end
 *   OwnWrite read URI FILE N    the first N bytes at least can be read, and are those
 *   OwnWrite denied URI FILE    nothing of it can be had: neither its bytes nor a change
 */
public class OwnWrite {
	static final int BLOCK = 1 << 20, LENGTH = 5 * BLOCK / 2 + 77;

	static byte[] content() {
		byte[] b = new byte[LENGTH];
		new Random(7).nextBytes(b);
		return b;
	}

	static void check(FileSystem fs, Path file, byte[] want, int atLeast) throws IOException {
		byte[] all = new byte[want.length];
		int n = 0;
		try (FSDataInputStream in = fs.open(file)) {
			for (int got; n < all.length && (got = in.read(all, n, all.length - n)) > 0;)
				n += got;
			if (n < atLeast)
				throw new AssertionError(n + " bytes of " + file + " can be read, " + atLeast + " were flushed");
			if (!Arrays.equals(Arrays.copyOf(want, n), Arrays.copyOf(all, n)))
				throw new AssertionError(file + ": other bytes");
			byte[] tail = new byte[Math.min(1000, atLeast)];
			in.readFully(atLeast - tail.length, tail);
			if (!Arrays.equals(Arrays.copyOfRange(want, atLeast - tail.length, atLeast), tail))
				throw new AssertionError(file + ": other bytes before " + atLeast);
		}
	}

	static void write(FileSystem fs, Path file) throws IOException {
		byte[] want = content();
		Random random = new Random(8);
		int at = 0;
		boolean half = false;
		try (FSDataOutputStream out = fs.create(file, new FsPermission((short) 0600), true, 4096, (short) 3, BLOCK, null)) {
			while (at < want.length) {
				int n = Math.min(random.nextInt(200000), want.length - at);
				out.write(want, at, n);
				at += n;
				if (random.nextBoolean())
					out.hflush();
				else
					out.hsync();
				check(fs, file, want, at);
				if (!half && at > want.length / 2) {
					half = true;
					System.out.println("flushed " + at);
					if (System.in.read() < 0)
						throw new AssertionError("told to go on by nobody");
				}
			}
		}
		check(fs, file, want, want.length);
		if (fs.getFileStatus(file).getLen() != want.length)
			throw new AssertionError("closed at " + fs.getFileStatus(file).getLen());
		System.out.println("written " + at);
	}

	interface Attempt {
		void run() throws IOException;
	}

	static void refused(String what, Attempt a) throws IOException {
		try {
			a.run();
		} catch (AccessControlException e) {
			return;
		}
		throw new AssertionError(what + " is not refused");
	}

	static void denied(FileSystem fs, Path file) throws IOException {
		refused("open", () -> fs.open(file).read());
		refused("append", () -> fs.append(file).close());
		refused("create", () -> fs.create(file, true).close());
		refused("truncate", () -> fs.truncate(file, 0));
		refused("setPermission", () -> fs.setPermission(file, new FsPermission((short) 0666)));
		refused("delete", () -> fs.delete(file, false));
		refused("checksum", () -> fs.getFileChecksum(file));
	}

	public static void main(String[] args) throws Exception {
		Configuration conf = new Configuration();
		Path file = new Path(args[2]);
		try (FileSystem fs = FileSystem.newInstance(URI.create(args[1]), conf)) {
			switch (args[0]) {
			case "home" -> {
				fs.mkdirs(file);
				fs.setPermission(file, new FsPermission((short) 0711));
				fs.setOwner(file, args[3], null);
			}
			case "gone" -> fs.delete(file, true);
			case "write" -> write(fs, file);
			case "read" -> check(fs, file, content(), Integer.parseInt(args[3]));
			case "denied" -> denied(fs, file);
			default -> throw new IllegalArgumentException(args[0]);
			}
		}
		System.out.println(args[0] + " as " + UserGroupInformation.getLoginUser().getUserName() + ": ok");
	}
}
