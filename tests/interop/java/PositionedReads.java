import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Files of a file system against local ones: whole, and from random positions.
 *
 *   PositionedReads URI DIRECTORY LOCAL-DIRECTORY SEED
 */
public class PositionedReads {
	static void same(byte[] want, byte[] got, String what) {
		if (!Arrays.equals(want, got))
			throw new AssertionError(what + ": " + got.length + " bytes, other ones than the " + want.length + " expected");
	}

	static void check(FileSystem fs, Path path, byte[] want, Random random) throws Exception {
		if (fs.getFileStatus(path).getLen() != want.length)
			throw new AssertionError(path + " is " + fs.getFileStatus(path).getLen() + " bytes long");
		try (FSDataInputStream in = fs.open(path)) {
			byte[] all = new byte[want.length];
			in.readFully(all);
			same(want, all, path.toString());
			if (in.read() != -1)
				throw new AssertionError(path + " does not end");
			for (int i = 0; i < 60; i++) {
				int at = random.nextInt(want.length);
				int n = random.nextInt(Math.min(want.length - at, i % 4 == 0 ? want.length : 2000) + 1);
				byte[] some = new byte[n];
				if (i % 2 == 0) {
					in.readFully(at, some);
				} else {
					in.seek(at);
					in.readFully(some);
				}
				same(Arrays.copyOfRange(want, at, at + n), some, path + ": " + n + " bytes from " + at);
			}
		}
		if (want.length > 0 && fs.getFileChecksum(path) == null)
			throw new AssertionError(path + " has no checksum");
	}

	public static void main(String[] args) throws Exception {
		Random random = new Random(Long.parseLong(args[3]));
		File[] files = new File(args[2]).listFiles();
		try (FileSystem fs = FileSystem.newInstance(URI.create(args[0]), new Configuration())) {
			for (File f : files)
				check(fs, new Path(args[1], f.getName()), Files.readAllBytes(f.toPath()), random);
		}
		System.out.println("java: " + files.length + " files");
	}
}
