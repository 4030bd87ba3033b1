#!/usr/bin/env python3
"""Spark on a file system that speaks HDFS's protocol: a word count, and a partitioned Parquet data set written and read.

    spark.py URI DIRECTORY

DIRECTORY is made anew; Spark's event log is written there too, which exercises hflush.  The results are computed again here and compared.
One line for each check, "ok NAME" or "FAIL NAME: why"; exits 1 when one failed.
"""
import collections
import random
import sys
import traceback

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

BLOCK = 1 << 20


def same(want, got, what):
    if want != got:
        raise AssertionError(f"{what}: {str(got)[:200]} instead of {str(want)[:200]}")


def word_count(spark, fs, base):
    r = random.Random(1)
    words = [f"w{int(r.paretovariate(0.5)) % 5000}" for _ in range(400_000)]
    lines = [" ".join(words[i:i + 9]) for i in range(0, len(words), 9)]
    Path = spark._jvm.org.apache.hadoop.fs.Path
    out = fs.create(Path(f"{base}/text"), True, 4096, 2, BLOCK)
    out.write(bytearray("\n".join(lines).encode() + b"\n"))
    out.close()
    rdd = spark.sparkContext.textFile(f"{URI}{base}/text")
    if rdd.getNumPartitions() < 2:
        raise AssertionError("the input was not split by its blocks")
    rdd.flatMap(str.split).map(lambda w: (w, 1)).reduceByKey(lambda a, b: a + b, 4).map(lambda p: f"{p[0]}\t{p[1]}").saveAsTextFile(f"{URI}{base}/counts")
    names = sorted(s.getPath().getName() for s in fs.listStatus(Path(f"{base}/counts")))
    same(["_SUCCESS", "part-00000", "part-00001", "part-00002", "part-00003"], names, "what was written")
    got = dict(line.split("\t") for line in spark.sparkContext.textFile(f"{URI}{base}/counts").collect())
    same({w: str(n) for w, n in collections.Counter(words).items()}, got, "counts")


def parquet(spark, fs, base):
    n = 200_000
    df = spark.range(n).select(F.col("id"), (F.col("id") % 5).alias("p"), (F.col("id") % 3).alias("q"), F.sha2(F.col("id").cast("string"), 256).alias("h"))
    df.write.partitionBy("p", "q").parquet(f"{URI}{base}/set")
    back = spark.read.parquet(f"{URI}{base}/set")
    same(n, back.count(), "rows")
    same(n * (n - 1) // 2, back.agg(F.sum("id")).first()[0], "sum")
    same(len(range(7, n, 15)), back.where("p = 2 and q = 1").count(), "one partition")
    same(0, back.where("h != sha2(cast(id as string), 256)").count(), "rows that differ")
    # over what is there: files are removed and renamed under readers' feet, as jobs do every day
    df.where("p = 1").write.mode("overwrite").option("partitionOverwriteMode", "dynamic").partitionBy("p", "q").parquet(f"{URI}{base}/set")
    same(n, spark.read.parquet(f"{URI}{base}/set").count(), "rows after partitions were overwritten")
    df.limit(10).write.mode("append").partitionBy("p", "q").parquet(f"{URI}{base}/set")
    same(n + 10, spark.read.parquet(f"{URI}{base}/set").count(), "rows after an append")


def main():
    global URI
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    URI, base = sys.argv[1], sys.argv[2]
    conf = {
        "spark.master": "local[2]", "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "4", "spark.hadoop.fs.defaultFS": URI, "spark.hadoop.dfs.replication": "2",
        "spark.hadoop.dfs.blocksize": str(BLOCK), "spark.hadoop.dfs.client.use.datanode.hostname": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.appName("interop")
    for k, v in conf.items():
        builder = builder.config(k, v)
    # The event log's directory must exist before Spark starts: make it with a session that has no log.
    first = builder.getOrCreate()
    Path = first._jvm.org.apache.hadoop.fs.Path
    fs = Path(URI).getFileSystem(first._jsc.hadoopConfiguration())
    fs.delete(Path(base), True)
    fs.mkdirs(Path(f"{base}/events"))
    first.stop()
    spark = builder.config("spark.eventLog.enabled", "true").config("spark.eventLog.dir", f"{URI}{base}/events").getOrCreate()
    fs = Path(URI).getFileSystem(spark._jsc.hadoopConfiguration())
    bad = 0

    def report(name, f):
        nonlocal bad
        try:
            f()
            print("ok", name)
        except Exception as e:
            at = traceback.extract_tb(e.__traceback__)[-1].lineno
            print(f"FAIL {name}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''} (line {at})")
            bad += 1
        sys.stdout.flush()

    report("word_count", lambda: word_count(spark, fs, base))
    report("parquet", lambda: parquet(spark, fs, base))
    app = spark.sparkContext.applicationId
    spark.stop()

    def event_log():
        fs = Path(URI).getFileSystem(spark._jvm.org.apache.hadoop.conf.Configuration())
        names = [s.getPath().getName() for s in fs.listStatus(Path(f"{URI}{base}/events"))]
        same([app], names, "the event log, closed and renamed")

    report("event_log", event_log)
    print(f"{3 - bad} ok, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
