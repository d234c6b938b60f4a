# kcat creates topics by their first use only, with the broker's default number of partitions. Where a scenario needs more,
# bash itself sends a CreateTopics request, version 2, over /dev/tcp.

int8() { printf '%02x' "$1"; }
int16() { printf '%04x' "$(($1 & 0xffff))"; }
int32() { printf '%08x' "$(($1 & 0xffffffff))"; }
string() {
    int16 "${#1}"
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

CREATE_TOPICS=19
CREATE_TOPICS_VERSION=2
CORRELATION_ID=7

# create_topics_request TOPIC PARTITIONS [NAME=VALUE...]: the request in hexadecimal digits, without its length.
create_topics_request() {
    local topic="$1" partitions="$2" config
    shift 2
    int16 $CREATE_TOPICS
    int16 $CREATE_TOPICS_VERSION
    int32 $CORRELATION_ID
    string kcat-scenarios
    int32 1
    string "$topic"
    int32 "$partitions"
    int16 1  # replicas
    int32 0  # assignments by hand
    int32 $#
    for config in "$@"; do
        string "${config%%=*}"
        string "${config#*=}"
    done
    int32 10000  # timeout in milliseconds
    int8 0  # validate only
}

# create_topic TOPIC PARTITIONS [NAME=VALUE...]: returns when every partition has a leader.
create_topic() {
    local topic="$1" partitions="$2" request length response error_at
    request="$(create_topics_request "$@")"
    exec {socket}<>"/dev/tcp/${BOOTSTRAP%:*}/${BOOTSTRAP##*:}"
    printf '%b' "$(sed 's/../\\x&/g' <<<"$(int32 $((${#request} / 2)))$request")" >&"$socket"
    length=$((16#$(head -c 4 <&"$socket" | od -An -tx1 | tr -d ' \n')))
    response="$(head -c "$length" <&"$socket" | od -An -v -tx1 | tr -d ' \n')"
    exec {socket}>&-
    # Before the error code stand the correlation id, the throttle time, the number of topics and the topic's name.
    error_at=$((2 * (4 + 4 + 4 + 2 + ${#topic})))
    if [ "${response:error_at:4}" != 0000 ]; then
        fail "topic $topic could not be created: error ${response:error_at:4}"
    fi
    await "the partitions of $topic" has_partitions "$topic" "$partitions"
}

has_partitions() {
    local leaders
    leaders="$(kcat -b "$BOOTSTRAP" -L -t "$1" 2>/dev/null | grep -cE 'partition [0-9]+, leader [0-9]+, ' || true)"
    [ "$leaders" = "$2" ]
}
