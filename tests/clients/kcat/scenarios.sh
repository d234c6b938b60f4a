# The scenarios, in the order of the transcript.

SCENARIOS=(
    round-trip formats files partitions
    compression-none compression-gzip compression-snappy compression-lz4 compression-zstd
    acks-0 acks-1 acks-all idempotent idempotent-gzip big
    seek-offset out-of-range seek-time seek-time-batch
    group-two-range group-two-roundrobin group-two-cooperative
    group-three-range group-three-roundrobin group-three-cooperative
    group-together group-crash group-refused group-two-topics group-pattern
    static-member commit-resume commit-by-hand
    metadata auto-create log-append-time versions
    long-poll long-poll-empty
)

EVERYTHING='partition %p offset %o key %K "%k" value %S "%s" headers [%h]\n'

round_trip() {
    local topic=kcat-round-trip
    printf 'k0:v0\nempty:\n:no key\nclé:žluťoučký kůň 日本語 🦀\nlast:a:b\n' | produce -t "$topic" -K: -T | digest | note tee
    printf 'gone:\n:neither\nkept:value\n' | produce -t "$topic" -K: -Z
    printf 'with headers\n' | produce -t "$topic" -k fixed -H h=x -H twice=a -H twice=b -H empty= -H nothing -H 'naïve=名'
    cat >expected <<'END'
partition 0 offset 0 key 2 "k0" value 2 "v0" headers []
partition 0 offset 1 key 5 "empty" value 0 "" headers []
partition 0 offset 2 key 0 "" value 6 "no key" headers []
partition 0 offset 3 key 4 "clé" value 34 "žluťoučký kůň 日本語 🦀" headers []
partition 0 offset 4 key 4 "last" value 3 "a:b" headers []
partition 0 offset 5 key 4 "gone" value -1 "" headers []
partition 0 offset 6 key -1 "" value 7 "neither" headers []
partition 0 offset 7 key 4 "kept" value 5 "value" headers []
partition 0 offset 8 key 5 "fixed" value 12 "with headers" headers [h=x,twice=a,twice=b,empty=,nothing=NULL,naïve=名]
END
    consume -t "$topic" -f "$EVERYTHING" >actual
    same record expected actual
    consume -t "$topic" -f '%T\n' >times
    recent $(cat times) || fail "some timestamps are not recent: $(tr '\n' ' ' <times)"
    echo recent | note 'create times'
    consume -t "$topic" -J | sed -E 's/"ts":[0-9]+/"ts":"recent"/; s/"broker":[0-9]+/"broker":"N"/' | note json
}

formats() {
    local topic=kcat-formats
    printf 'a=1;b=2;c=3;' | produce -t "$topic" -D ';' -K =
    printf 'a:1|b:2|c:3|' >expected
    consume -t "$topic" -D '|' -K : >actual
    same delimiters expected actual
    consume -t "$topic" -O -K , | note 'with offsets'
    consume -t "$topic" -f '%R%s%%\n' | od -An -c | note 'with binary lengths'
    consume -t "$topic" -c 2 -f '%t %o\n' | note 'the first two'
    printf '\000\000\001\002' >number
    produce -t "$topic" -k number number
    consume -t "$topic" -o 3 -s 'value=>i' -f '%k %s\n' | note 'a number'
}

files() {
    local topic=kcat-files
    head -c 3000 /dev/urandom >random
    printf 'one\ntwo\n' >two-lines
    produce -t "$topic" random two-lines
    produce -t "$topic" -l two-lines
    consume -t "$topic" -c 1 -D '' >actual
    cmp random actual || fail 'a binary file came back changed'
    echo true | note 'a binary file came back as it was'
    consume -t "$topic" -o 1 -f '%o %S %s\n' | note record
}

partitions() {
    local topic=kcat-partitions partition
    create_topic "$topic" 3
    for partition in 0 1 2; do
        numbered $((partition + 2)) "$((partition * 10))" | produce -t "$topic" -p "$partition" -K: -vvv \
            -X topic.produce.offset.report=true 2>&1 | grep delivered | plain | note "delivery to $partition"
    done
    for partition in 0 1 2; do
        consume -t "$topic" -p "$partition" -f "$EVERYTHING" | note "partition $partition"
    done
    consume -t "$topic" -f '%k:%s\n' | sort >actual
    (numbered 2; numbered 3 10; numbered 4 20) | sort >expected
    same 'all partitions' expected actual
    numbered 20 100 | produce -t "$topic" -K:
    consume -t "$topic" -f '%p %k\n' | grep ' k1..$' | sort -k2 | note 'partition of a key'
    numbered 30 200 | produce -t "$topic" -K: -X topic.partitioner=murmur2
    consume -t "$topic" -f '%p %k\n' | grep ' k2..$' | sort -k2 | note "partition of a key as Java's"
    fails 'a partition that is not there' produce -t "$topic" -p 9 <<<x
}

# What librdkafka says of its requests tells whether it did compress: it sends plain batches to brokers that it thinks too old.
compressed() {
    local codec="$1" name="$2" topic="kcat-compression-$1"
    lines 400 3000 >sent
    produce -t "$topic" -K: -z "$codec" -X linger.ms=100 -X batch.num.messages=80 -d msg <sent 2>log
    # A batch that does not get smaller goes out plain, which may happen to a very small one.
    grep "Produce MessageSet.*$name)\$" log >with-codec || fail "no batch was sent as $codec"
    grep -oE 'ApiVersion [0-9]+, MsgVersion [0-9]+' with-codec | sort -u | note "produce requests with $codec"
    consume -t "$topic" -K: >received
    same records sent received
    consume -t "$topic" -o 150 -c 1 -f '%o %k %S\n' | note 'out of the middle'
}
compression_none() { compressed none uncompressed; }
compression_gzip() { compressed gzip gzip; }
compression_snappy() { compressed snappy snappy; }
compression_lz4() { compressed lz4 lz4; }
compression_zstd() { compressed zstd zstd; }

acknowledged() {
    local acks="$1" topic="kcat-acks$1"
    numbered 20 >sent
    produce -t "$topic" -K: -X "topic.acks=$acks" -X topic.produce.offset.report=true -vvv <sent 2>&1 |
        grep delivered | plain >delivered
    # Without acknowledgement librdkafka counts on from an offset that means 'none', for each batch.
    if [ "$acks" = 0 ]; then
        sed -i -E 's/offset -[0-9]+/offset unknown/' delivered
    fi
    note 'delivery' <delivered
    # Nothing tells when records without acknowledgement have arrived, but reading them does.
    kcat -b "$BOOTSTRAP" -C -q -t "$topic" -c 20 -K: >received
    same records sent received
}
acks_0() { acknowledged 0; }
acks_1() { acknowledged 1; }
acks_all() { acknowledged -1; }

idempotence() {
    local codec="$1" topic="kcat-idempotent-$1"
    numbered 5000 >sent
    produce -t "$topic" -p 0 -K: -z "$codec" -X enable.idempotence=true -X batch.num.messages=50 -X linger.ms=1 <sent
    numbered 500 5000 | tee -a sent | produce -t "$topic" -p 0 -K: -z "$codec" -X enable.idempotence=true -X max.in.flight=1
    consume -t "$topic" -K: >received
    same records sent received
    consume -t "$topic" -f '%o\n' >offsets
    seq 0 5499 >expected
    same offsets expected offsets
}
idempotent() { idempotence none; }
idempotent_gzip() { idempotence gzip; }

big() {
    local topic=kcat-big
    head -c 1048000 /dev/zero | tr '\0' b >below
    head -c 1048600 /dev/zero | tr '\0' a >above
    produce -t "$topic" -X message.max.bytes=3000000 below
    fails 'above the limit' produce -t "$topic" -X message.max.bytes=3000000 above
    fails "above the client's limit" produce -t "$topic" above
    produce -t "$topic" -X message.max.bytes=3000000 -z gzip above
    consume -t "$topic" -c 1 -D '' >received
    cmp below received || fail 'the value below the limit came back changed'
    consume -t "$topic" -o 1 -c 1 -D '' >received
    cmp above received || fail 'the value that compresses came back changed'
    consume -t "$topic" -f '%o %S\n' | note record
    consume -t "$topic" -X fetch.message.max.bytes=1000 -X fetch.max.bytes=1048576 -X message.max.bytes=1048576 \
        -f '%o %S\n' | note 'with small fetches'
}

seek_offset() {
    local topic=kcat-seek-offset offset
    for offset in 0 10 20; do
        numbered 10 "$offset" | produce -t "$topic" -K:
    done
    for offset in beginning 0 5 10 15 29 30 end -1 -7 -30; do
        consume -t "$topic" -o "$offset" -f '%o %k %s\n' >seen
        digest <seen | note "from $offset"
        head -n 1 seen | note "the first from $offset"
    done
    consume -t "$topic" -o 12 -c 3 -f '%o %k %s\n' | note 'three from 12'
}

out_of_range() {
    local topic=kcat-out-of-range policy
    numbered 5 | produce -t "$topic" -K:
    for policy in earliest latest; do
        consume -t "$topic" -o 1000 -X "topic.auto.offset.reset=$policy" -f '%o %k\n' 2>log >seen
        note "$policy" <seen
        plain <log | note "$policy says"
    done
    fails error consume -t "$topic" -o 1000 -X topic.auto.offset.reset=error
}

# query TOPIC PARTITION TIMESTAMP: the offset alone.
query() { kcat -b "$BOOTSTRAP" -Q -t "$1:$2:$3" | sed 's/.*offset //'; }

# times_of TOPIC PARTITION: 'offset timestamp' of each record.
times_of() { consume -t "$1" -p "$2" -f '%o %T\n'; }

# Timestamps are kcat's own, so lookups go by those that came back.
look_up_times() {
    local topic="$1" partition="$2" offset time end
    times_of "$topic" "$partition" >times
    end="$(wc -l <times)"
    [ "$(cut -d' ' -f2 times | sort -un | wc -l)" = "$end" ] || fail "two records have one timestamp: $(tr '\n' ';' <times)"
    while read -r offset time; do
        equal "$partition: at the time of $offset" "$offset" "$(query "$topic" "$partition" "$time")"
        equal "$partition: just before the time of $offset" "$offset" "$(query "$topic" "$partition" $((time - 1)))"
        # kcat shows a time after the last record as -1.
        equal "$partition: just after the time of $offset" "$((offset + 1 < end ? offset + 1 : -1))" "$(query "$topic" "$partition" $((time + 1)))"
        consume -t "$topic" -p "$partition" -o "s@$time" -f '%o ' | note "$partition: read from the time of $offset"
        consume -t "$topic" -p "$partition" -o "s@$((time + 1))" -f '%o ' | note "$partition: read from after $offset"
        consume -t "$topic" -p "$partition" -o "e@$time" -f '%o ' | note "$partition: read up to the time of $offset"
    done <times
    equal "$partition: before the first" 0 "$(query "$topic" "$partition" 1000)"
    equal "$partition: at zero" 0 "$(query "$topic" "$partition" 0)"
    equal "$partition: in the far future" -1 "$(query "$topic" "$partition" 99999999999999)"
    equal "$partition: earliest" 0 "$(query "$topic" "$partition" -2)"
    equal "$partition: latest" "$end" "$(query "$topic" "$partition" -1)"
}

seek_time() {
    local topic=kcat-seek-time value
    create_topic "$topic" 3
    for value in 0 1 2 3; do
        produce -t "$topic" -p $((value % 2)) <<<"v$value"
        sleep 0.01
    done
    look_up_times "$topic" 0
    look_up_times "$topic" 1
    kcat -b "$BOOTSTRAP" -Q -t "$topic:0:-1" -t "$topic:1:-2" -t "$topic:2:1000" | sort | note 'three partitions at once'
}

# One batch whose records have timestamps of their own: kcat is given them slowly and waits long before it sends. It reads
# its input in pieces of 1024 bytes, so that is how long a line must be to be seen at once.
seek_time_batch() {
    local topic=kcat-seek-time-batch codec partition=0 value
    create_topic "$topic" 3
    for codec in none gzip zstd; do
        for value in 0 1 2 3; do
            sleep 0.2
            printf '%01023d\n' "$value"
        done | produce -t "$topic" -p "$partition" -z "$codec" -X linger.ms=3000 -d msg 2>log
        grep -oE 'with [0-9]+ message' <(grep 'Produce MessageSet' log) | note "$codec batch"
        look_up_times "$topic" "$partition"
        partition=$((partition + 1))
    done
}

in_group() { echo "kcat-$SCENARIO-group"; }

# Every record that was produced, read by whichever member, at least once and unchanged. Members leave only when they have
# nothing to read: kcat may commit a record that it was about to print.
all_were_read() {
    local topic="$1"
    shift
    consume -t "$topic" -f '%p %o %k %s\n' | sort -u >expected
    outputs "$@" | sort -u >actual
    same 'records that were read' expected actual
}

two_members() {
    local topic="kcat-$SCENARIO" strategy=(-X "partition.assignment.strategy=$1") group
    group="$(in_group)"
    create_topic "$topic" 6
    numbered 60 | produce -t "$topic" -K:
    join a "$group" "$topic" "${strategy[@]}"
    settle one 6 "$topic" a
    join b "$group" "$topic" "${strategy[@]}"
    settle two '3 3' "$topic" a b
    leave a
    numbered 60 100 | produce -t "$topic" -K:
    settle 'the second alone' 6 "$topic" b
    leave b
    all_were_read "$topic" a b
}
group_two_range() { two_members range; }
group_two_roundrobin() { two_members roundrobin; }
group_two_cooperative() { two_members cooperative-sticky; }

three_members() {
    local topic="kcat-$SCENARIO" strategy=(-X "partition.assignment.strategy=$1") group
    group="$(in_group)"
    create_topic "$topic" 6
    join a "$group" "$topic" "${strategy[@]}"
    settle one 6 "$topic" a
    join b "$group" "$topic" "${strategy[@]}"
    settle two '3 3' "$topic" a b
    join c "$group" "$topic" "${strategy[@]}"
    numbered 60 | produce -t "$topic" -K:
    settle three '2 2 2' "$topic" a b c
    leave b
    numbered 60 100 | produce -t "$topic" -K:
    settle 'one left' '3 3' "$topic" a c
    join d "$group" "$topic" "${strategy[@]}"
    settle 'another came' '2 2 2' "$topic" a c d
    leave a
    leave c
    settle 'the last' 6 "$topic" d
    leave d
    all_were_read "$topic" a b c d
}
group_three_range() { three_members range; }
group_three_roundrobin() { three_members roundrobin; }
group_three_cooperative() { three_members cooperative-sticky; }

group_together() {
    local topic=kcat-group-together name
    create_topic "$topic" 6
    for name in a b c; do
        join "$name" "$(in_group)" "$topic"
    done
    settle 'three at once' '2 2 2' "$topic" a b c
    for name in d e f; do
        join "$name" "$(in_group)" "$topic"
    done
    settle 'six' '1 1 1 1 1 1' "$topic" a b c d e f
    join g "$(in_group)" "$topic"
    settle 'one more than there are partitions' '1 1 1 1 1 1 0' "$topic" a b c d e f g
    leave a b c d
    settle 'three stayed' '2 2 2' "$topic" e f g
    all_were_read "$topic" a b c d e f g
}

group_crash() {
    local topic=kcat-group-crash
    create_topic "$topic" 6
    join a "$(in_group)" "$topic" -X session.timeout.ms=6000
    settle one 6 "$topic" a
    join b "$(in_group)" "$topic" -X session.timeout.ms=6000
    settle two '3 3' "$topic" a b
    crash b
    settle 'after the crash' 6 "$topic" a
    join b "$(in_group)" "$topic" -X session.timeout.ms=6000
    settle 'it is back' '3 3' "$topic" a b
    all_were_read "$topic" a b
}

group_refused() {
    local topic=kcat-group-refused
    create_topic "$topic" 6
    join a "$(in_group)" "$topic" -X partition.assignment.strategy=range
    settle one 6 "$topic" a
    fails 'no assignor in common' take "$(in_group)" "$topic" 1 -X partition.assignment.strategy=roundrobin
    fails 'a short session' take "$(in_group)" "$topic" 1 -X session.timeout.ms=100
    fails 'a long session' take "$(in_group)" "$topic" 1 -X session.timeout.ms=1800001 -X max.poll.interval.ms=1900000
    settle 'still one' 6 "$topic" a
}

group_two_topics() {
    local topic=kcat-group-two-topics
    numbered 5 | produce -t "$topic-a" -K:
    numbered 5 10 | produce -t "$topic-b" -K:
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q -X auto.offset.reset=earliest -f '%t %o %k %s\n' "$topic-a" "$topic-b" | sort | note record
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q -X auto.offset.reset=earliest "$topic-a" "$topic-b" | digest | note 'when all is read'
}

group_pattern() {
    local topic=kcat-group-pattern
    numbered 2 | produce -t "$topic-a" -K:
    numbered 2 10 | produce -t "$topic-b" -K:
    numbered 2 20 | produce -t kcat-other-pattern -K:
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q -X auto.offset.reset=earliest -f '%t %o %k %s\n' '^kcat-group-pattern-.*' | sort | note record
}

rebalances() { grep -c ' rebalanced' "$1.err"; }

static_member() {
    local topic=kcat-static-member before seen
    create_topic "$topic" 6
    join a "$(in_group)" "$topic" -X group.instance.id=instance-a -X session.timeout.ms=20000
    settle one 6 "$topic" a
    join b "$(in_group)" "$topic" -X group.instance.id=instance-b -X session.timeout.ms=20000
    settle two '3 3' "$topic" a b
    grep -oE 'memberid instance-[ab]-' a.err b.err | sort -u | note 'member ids'
    before="$(owned b | tr '\n' ' ')"
    seen="$(rebalances a)"
    leave b
    join b "$(in_group)" "$topic" -X group.instance.id=instance-b -X session.timeout.ms=20000
    settle 'after a restart' '3 3' "$topic" a b
    equal 'after a restart it has what it had' "$before" "$(owned b | tr '\n' ' ')"
    equal 'rebalances that the other saw' 0 "$(($(rebalances a) - seen))"
    crash b
    join b "$(in_group)" "$topic" -X group.instance.id=instance-b -X session.timeout.ms=20000
    settle 'after a crash and a restart' '3 3' "$topic" a b
    equal 'after a crash it has what it had' "$before" "$(owned b | tr '\n' ' ')"
    fenced "$topic"
}

fenced() {
    local topic="$1" old="${MEMBERS[b]}" code=0
    mv b.err old.err
    join b "$(in_group)" "$topic" -X group.instance.id=instance-b -X session.timeout.ms=20000
    wait "$old" || code=$?
    equal 'the exit code of the fenced one' 1 "$code"
    grep -E 'ERROR|FATAL' old.err | plain | note 'the fenced one says'
    settle 'with the new one' '3 3' "$topic" a b
    leave a
    leave b
}

# take GROUP TOPIC COUNT [OPTION...]: reads as a member of a group until it has that many records.
take() {
    local group="$1" topic="$2" count="$3"
    shift 3
    kcat -b "$BOOTSTRAP" -G "$group" -X auto.offset.reset=earliest -q -c "$count" -f '%o %k %s\n' "$@" "$topic"
}

commit_resume() {
    local topic=kcat-commit-resume
    numbered 20 | produce -t "$topic" -K:
    take "$(in_group)" "$topic" 4 | note 'the first four'
    take "$(in_group)" "$topic" 3 | note 'the next three'
    take "$(in_group)" "$topic" 2 -X enable.auto.commit=false | note 'two that are not committed'
    take "$(in_group)" "$topic" 2 | note 'the same two'
    take another-group-of-kcat "$topic" 2 | note 'another group'
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q -f '%o %k %s\n' "$topic" | note 'the rest'
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q "$topic" | digest | note 'nothing more'
    numbered 2 20 | produce -t "$topic" -K:
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -q -f '%o %k %s\n' "$topic" | note 'what came later'
    kcat -b "$BOOTSTRAP" -G kcat-never-seen -o end -e -q "$topic" | digest | note 'a new group at the end'
}

# A consumer without a group's assignment may keep its offsets with the coordinator all the same.
commit_by_hand() {
    local topic=kcat-commit-by-hand
    numbered 10 | produce -t "$topic" -K:
    local stored=(kcat -b "$BOOTSTRAP" -C -q -t "$topic" -p 0 -o stored -X "group.id=$(in_group)" -f '%o %k %s\n'
        -X topic.auto.offset.reset=earliest -X auto.commit.interval.ms=100)
    "${stored[@]}" -c 4 | note 'the first four'
    "${stored[@]}" -c 3 | note 'the next three'
    "${stored[@]}" -e | note 'the rest'
    take "$(in_group)" "$topic" 1 -e | digest | note 'a member of the group has nothing left'
}

# The topics of this scenario alone, with whatever the broker calls itself made plain.
metadata() {
    local topic=kcat-metadata
    create_topic "$topic-three" 3
    numbered 1 | produce -t "$topic-one"
    kcat -b "$BOOTSTRAP" -L -t "$topic-three" | plain_metadata | note three
    kcat -b "$BOOTSTRAP" -L -t "$topic-one" | plain_metadata | note one
    kcat -b "$BOOTSTRAP" -L -t "$topic-unknown" -X allow.auto.create.topics=false | plain_metadata | note unknown
    kcat -b "$BOOTSTRAP" -L -J -t "$topic-three" | plain_json | note 'three as JSON'
    kcat -b "$BOOTSTRAP" -L | plain_metadata | grep -E "broker|\"$topic-" | sort | note all
    kcat -b "$BOOTSTRAP" -L -J | grep -oE "\"topic\":\"$topic-[a-z]+\"" | sort | note 'all as JSON'
}

plain_metadata() {
    plain | sed -E 's/leader [0-9]+, replicas: [0-9]+, isrs: [0-9]+$/leader N, replicas: N, isrs: N/'
}

# Whether the first connection or the one after it brings the answer is a matter of time.
plain_json() {
    plain | sed -E -e 's/"originating_broker":\{[^}]*\}/"originating_broker":{}/' -e 's/"(id|leader|controllerid)":[0-9]+/"\1":"N"/g'
}

auto_create() {
    local topic=kcat-auto-create
    fails 'consume what is not there' consume -t "$topic"
    numbered 2 | produce -t "$topic" -K:
    consume -t "$topic" -f "$EVERYTHING" | note record
    # Asking for a topic creates it as well, but Apache Kafka may answer before it is there.
    await 'the topic that was asked for' has_partitions "$topic-asked" 1
    consume -t "$topic-asked" | digest | note 'a topic that was asked for'
    fails 'a bad name' produce -t 'no spaces' -X topic.message.timeout.ms=3000 <<<x
}

log_append_time() {
    local topic=kcat-log-append-time
    create_topic "$topic" 1 message.timestamp.type=LogAppendTime
    numbered 3 | produce -t "$topic" -K: -z gzip
    printf 'logappend %s\n' 0 1 2 >expected
    consume -t "$topic" -J | sed -E 's/.*"offset":([0-9]+),"tstype":"([a-z]+)".*/\2 \1/' >actual
    same 'timestamp type' expected actual
    consume -t "$topic" -f '%T\n' >times
    recent $(cat times) || fail "some timestamps are not recent: $(tr '\n' ' ' <times)"
    echo recent | note 'append times'
}

# The versions that librdkafka takes out of those that the broker offers.
versions() {
    local topic=kcat-versions
    numbered 3 | produce -t "$topic" -K: -z lz4 -d protocol 2>>log
    numbered 3 | produce -t "$topic" -K: -z zstd -X enable.idempotence=true -d protocol 2>>log
    consume -t "$topic" -o s@1 -d protocol >>seen 2>>log
    kcat -b "$BOOTSTRAP" -G "$(in_group)" -e -X auto.offset.reset=earliest -X heartbeat.interval.ms=1 -d protocol "$topic" >>seen 2>>log
    kcat -b "$BOOTSTRAP" -Q -t "$topic:0:1" -d protocol >>seen 2>>log
    grep -oE 'Sent [A-Za-z]+ \(v[0-9]+' log | tr -d '(' | sort -u | note request
}

# read_at_once ROUND: what another kcat produces must come out of the waiting consumer before long.
LONGEST_MS=400
read_at_once() {
    local round="$1" line start took
    start="$EPOCHREALTIME"
    echo "k$round:v$round" | produce -t kcat-long-poll -K: -X linger.ms=0
    IFS= read -r -t 10 -u "$consumer" line || fail "round $round: nothing came"
    took=$((($(microseconds "$EPOCHREALTIME") - $(microseconds "$start")) / 1000))
    if [ "$took" -ge "$LONGEST_MS" ]; then
        fail "round $round: a waiting consumer saw the record only after $took ms"
    fi
    equal "record $round seen at once" "$round k$round v$round" "$line"
}

long_poll() {
    local topic=kcat-long-poll round
    create_topic "$topic" 1
    exec {consumer}< <(kcat -b "$BOOTSTRAP" -C -u -t "$topic" -o beginning -f '%o %k %s\n' -X fetch.wait.max.ms=5000 2>consumer.err)
    MEMBERS[consumer]=$!
    for round in 0 1 2 3 4; do
        sleep 0.5
        read_at_once "$round"
    done
    leave consumer
}

long_poll_empty() {
    local topic=kcat-long-poll-empty start took
    create_topic "$topic" 1
    start="$(now_ms)"
    consume -t "$topic" -o beginning -X fetch.wait.max.ms=1500 | digest | note records
    took=$(($(now_ms) - start))
    if [ "$took" -lt 1450 ] || [ "$took" -gt 3000 ]; then
        fail "an empty fetch of 1500 ms took $took ms"
    fi
    echo true | note 'an empty fetch ends when its wait is over'
}
