# All lines of a run as an array: a line of ratios for each figure that more than one system has.
# Medians over the rounds. Speed: above 1 is faster than Apache HDFS
# (or MooseFS); CPU: below 1 is less.
def median: map(select(. != null)) | sort | if length == 0 then null else .[(length - 1) / 2 | floor] end;
def over($b): if . == null or $b == null or $b == 0 then null else (. / $b * 100 | round) / 100 end;
def speed: map(.ops_per_s // .mib_per_s // (if .ms then 1000 / .ms else null end)) | median;
def cpu($who): map(.["cpu_us_per_op_" + $who] // .["cpu_s_per_gib_" + $who]) | median;
def of($name): map(select(.system == $name));
{"put 1 3": 1.3, "get 1 3": 1.3, "get 4 3": 1.3, "create 16 null": 4, "create4k 16 null": 10,
 "create4k 1 null": 10, "stat 16 null": 1.5, "put 4 3": 1.3, "rename 16 null": 1.3,
 "delete 16 null": 1.3} as $marks
| map(select(.system != null))
| group_by([.figure, .callers // .streams, .replication])[]
| {of: .[0].figure, n: (.[0].callers // .[0].streams), replication: .[0].replication} as $what
| of("bdfs") as $b | of("hdfs") as $h | of("bdfs-by-java") as $j
| of("moosefs") as $m
| if ($m | length) > 0 and ($b | length) > 0
  then {figure: "ratio", of: $what.of, over_moosefs: ($b | speed | over($m | speed))} else empty end,
  (select(($h | length) > 0 and ($b | length) > 0)
| {figure: "ratio"} + $what
  + {own_clients: ($b | speed | over($h | speed)),
     mark: $marks["\($what.of) \($what.n) \($what.replication)"],
     cpu_servers: ($b | cpu("servers") | over($h | cpu("servers"))),
     cpu_client: ($b | cpu("client") | over($h | cpu("client"))),
     same_java_client: ($j | speed | over($h | speed)),
     java_client_cpu_on_bdfs: ($j | cpu("client")), java_client_cpu_on_hdfs: ($h | cpu("client"))})
