# What every scenario works with: checks, waiting, members of groups, and its part of the transcript.

# An await that has not come true after this many seconds has failed.
PATIENCE=40

fail() {
    echo "$*" >&2
    exit 1
}

microseconds() { echo "${1/./}"; }

# run_scenario BOOTSTRAP SCENARIO FOLDER: what the scenario leaves running is ended with it.
run_scenario() {
    BOOTSTRAP="$1"
    SCENARIO="$2"
    cd "$3"
    trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
    "${SCENARIO//-/_}"
}

# note WHAT: one line of the transcript for each line of the input.
note() {
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        printf '%s: %s = %s\n' "$SCENARIO" "$1" "$line"
    done
}

# same WHAT EXPECTED-FILE ACTUAL-FILE: compares two files and notes them, long ones by their digest.
LONGEST_NOTED=2000
same() {
    if ! cmp -s "$2" "$3"; then
        diff -a "$2" "$3" | head -n 20 >&2 || true
        fail "$1: the lines with < were expected, those with > came"
    fi
    if [ "$(wc -c <"$3")" -le "$LONGEST_NOTED" ]; then
        note "$1" <"$3"
    else
        digest <"$3" | note "$1"
    fi
}

digest() {
    local bytes
    bytes="$(cat; printf .)"
    bytes="${bytes%.}"
    printf '%s lines %s bytes %s\n' "$(printf '%s' "$bytes" | wc -l)" "$(printf '%s' "$bytes" | wc -c)" "$(printf '%s' "$bytes" | sha256sum | cut -c1-16)"
}

# equal WHAT EXPECTED ACTUAL: the same for a short value.
equal() {
    if [ "$2" != "$3" ]; then
        fail "$1: expected '$2' but saw '$3'"
    fi
    note "$1" <<<"$3"
}

# await WHAT COMMAND...: until the command succeeds.
await() {
    local what="$1" deadline=$((SECONDS + PATIENCE))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            fail "waited in vain for $what"
        fi
        sleep 0.05
    done
}

# fails WHAT COMMAND...: notes the exit code and what the command says on stderr.
fails() {
    local what="$1" code=0
    shift
    "$@" >fails.out 2>fails.err || code=$?
    if [ "$code" = 0 ]; then
        fail "$what: expected a failure but it succeeded: $(head -c 300 fails.out)"
    fi
    echo "exit code $code" | note "$what"
    grep '^%' fails.err | plain | note "$what"
}

# What differs from run to run: where the broker is, what it calls itself, and librdkafka's log prefix.
plain() {
    sed -E -e "s/${BOOTSTRAP//./\\.}/BOOTSTRAP/g" \
        -e 's/BOOTSTRAP\/[0-9]+/BOOTSTRAP\/N/g' \
        -e 's/\(from broker (N|[0-9]+|-1): BOOTSTRAP\/(N|bootstrap)\)/(from a broker)/' \
        -e 's/broker [0-9]+/broker N/g' \
        -e 's/^%([0-9])\|[0-9.]+\|/%\1|/'
}

produce() { kcat -b "$BOOTSTRAP" -P "$@"; }

# From the beginning to the end, without a word about the end. A short wait makes the end come soon.
consume() { kcat -b "$BOOTSTRAP" -C -e -q -X fetch.wait.max.ms=50 "$@"; }

now_ms() { echo $(($(microseconds "$EPOCHREALTIME") / 1000)); }

# recent TIMESTAMP...: all are of the last two minutes.
recent() {
    local now timestamp
    now="$(now_ms)"
    for timestamp in "$@"; do
        [ $((now - timestamp)) -lt 120000 ] && [ $((now - timestamp)) -gt -5000 ] || return 1
    done
}

# numbered COUNT [FIRST]: lines 'kN:vN'.
numbered() {
    local first="${2:-0}"
    seq "$first" $((first + $1 - 1)) | sed 's/.*/k&:v&/'
}

# lines COUNT LONGEST: repeatable keyed lines of many lengths, which compress but not to nothing.
lines() {
    awk -v count="$1" -v longest="$2" 'BEGIN {
        state = 7
        for (i = 0; i < count; i++) {
            line = "key " i ":"
            wanted = 100 + (i * 37) % (longest - 100)
            while (length(line) < wanted) {
                state = (state * 16807) % 2147483647
                line = line state substr(" the quick brown fox jumps", 1, state % 27)
            }
            print line
        }
    }'
}

# The group coordinator of a fresh Apache Kafka is not there at once, and its first group takes long.
await_coordinator() {
    local BOOTSTRAP="$1"
    produce -t kcat-start <<<start
    kcat -b "$BOOTSTRAP" -G kcat-start-group -X auto.offset.reset=earliest -c 1 kcat-start >"$2/start" 2>&1 </dev/null
}

# ---- members of groups ---------------------------------------------------------------------------------------------------

declare -A MEMBERS=()

# join NAME GROUP TOPIC [OPTION...]: a member in the background. What it reads goes to NAME.out, what it says to NAME.err.
join() {
    local name="$1" group="$2" topic="$3"
    shift 3
    touch "$name.out" "$name.err"
    kcat -b "$BOOTSTRAP" -G "$group" -u -X auto.offset.reset=earliest -X heartbeat.interval.ms=200 \
        -f '%p %o %k %s\n' "$@" "$topic" >>"$name.out" 2>"$name.err" </dev/null &
    MEMBERS[$name]=$!
}

# leave NAME...: ends members as their user would, all at once.
leave() {
    local name code
    for name in "$@"; do
        kill -TERM "${MEMBERS[$name]}"
    done
    for name in "$@"; do
        code=0
        wait "${MEMBERS[$name]}" || code=$?
        unset "MEMBERS[$name]"
        [ "$code" = 0 ] || fail "$name ended with exit code $code: $(tail -n 3 "$name.err")"
    done
}

# crash NAME: ends a member so that it cannot leave its group.
crash() {
    kill -KILL "${MEMBERS[$1]}"
    wait "${MEMBERS[$1]}" 2>/dev/null || true
    unset "MEMBERS[$1]"
}

# owned NAME: the partitions that a member owns, out of what it has said, sorted, one a line.
owned() {
    awk '
        !/ rebalanced/ { next }
        { changed = $0; sub(/.*: /, "", changed); gsub(/[^ ]+ \[|\],?/, "", changed); count = split(changed, parts, " ") }
        /\): assigned: / { delete own; for (i = 1; i <= count; i++) own[parts[i]] }
        /\): revoked: / { delete own }
        /incremental assignment of/ { for (i = 1; i <= count; i++) own[parts[i]] }
        /incremental revoke of/ { for (i = 1; i <= count; i++) delete own[parts[i]] }
        END { for (partition in own) print partition }
    ' "$1.err" | sort -n
}

shares() {
    local name
    for name in "$@"; do
        owned "$name" | wc -l
    done | sort -rn | tr '\n' ' ' | sed 's/ $//'
}

everything_owned() {
    local name
    for name in "$@"; do
        owned "$name"
    done | sort -n | tr '\n' ' ' | sed 's/ $//'
}

# A member that has not been given its share yet owns nothing, which must not pass for a share of nothing.
has_joined() { grep ' rebalanced' "$1.err" | tail -n 1 | grep -qE '\): assigned:|incremental assignment of'; }

has_shares() {
    local wanted="$1" name
    shift
    for name in "$@"; do
        has_joined "$name" || return 1
    done
    [ "$(shares "$@")" = "$wanted" ] && [ "$(everything_owned "$@")" = '0 1 2 3 4 5' ]
}

# settle WHAT SHARES TOPIC NAME...: waits for the stable state in which the members own that many partitions, and shows that
# each partition is read by its owner alone.
WAVE=0
settle() {
    local what="$1" wanted="$2" topic="$3" partition
    shift 3
    await "$what, partitions per member $wanted" has_shares "$wanted" "$@"
    equal "$what: partitions per member" "$wanted" "$(shares "$@")"
    equal "$what: partitions owned" '0 1 2 3 4 5' "$(everything_owned "$@")"
    WAVE=$((WAVE + 1))
    for partition in 0 1 2 3 4 5; do
        echo "w$WAVE-$partition:value $partition of wave $WAVE" | produce -t "$topic" -p "$partition" -K:
    done
    await "$what, every record of wave $WAVE" wave_is_read "$WAVE" "$@"
    for partition in 0 1 2 3 4 5; do
        read_by_owner "$partition" "$@"
    done
    echo true | note "$what: each record read once, by its owner"
}

wave_is_read() {
    local wave="$1"
    shift
    [ "$(outputs "$@" | grep -h " w$wave-" | wc -l)" -ge 6 ]
}

outputs() {
    local name
    for name in "$@"; do
        cat "$name.out"
    done
}

read_by_owner() {
    local partition="$1" name times
    shift
    for name in "$@"; do
        times="$(grep -cE "^$partition [0-9]+ w$WAVE-$partition value $partition of wave $WAVE\$" "$name.out" || true)"
        if [ "$times" != "$(owned "$name" | grep -c "^$partition\$" || true)" ]; then
            fail "partition $partition: $name read the record of wave $WAVE $times times; it owns $(owned "$name" | tr '\n' ' ')"
        fi
    done
}
