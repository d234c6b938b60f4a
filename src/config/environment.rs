//! Environment variables as Apache Kafka's container image reads them: `KAFKA_NUM_PARTITIONS` sets `num.partitions`.

/// The property that a variable sets; `None` for all that are not settings of the broker.
///
/// One underscore is a dot, two are an underscore, three are a hyphen.
pub(super) fn property_name(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("KAFKA_")?;
    if name.is_empty() || is_for_the_image(variable) {
        return None;
    }
    Some(name.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_"))
}

/// Variables for the image's scripts, the Java virtual machine and Java's logging.
fn is_for_the_image(variable: &str) -> bool {
    const NAMES: [&str; 6] = [
        "KAFKA_VERSION",
        "KAFKA_HEAP_OPTS",
        "KAFKA_OPTS",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    ];
    const PREFIXES: [&str; 2] = ["KAFKA_LOG4J_", "KAFKA_JMX_"];
    NAMES.contains(&variable) || PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (variable, expect) in [
            ("KAFKA_NUM_PARTITIONS", Some("num.partitions")),
            ("KAFKA_A__B___C", Some("a_b-c")),
            ("KAFKA_LISTENER_NAME_KAFKA_X", Some("listener.name.kafka.x")),
            ("KAFKA_", None),
            ("KAFKA", None),
            ("CLUSTER_ID", None),
            ("KAFKA_VERSION", None),
            ("KAFKA_HEAP_OPTS", None),
            ("KAFKA_LOG4J_ROOT_LOGLEVEL", None),
            ("KAFKA_JMX_PORT", None),
            ("KAFKA_LOG_DIRS", Some("log.dirs")),
        ] {
            assert_eq!(property_name(variable).as_deref(), expect, "{variable}");
        }
    }
}
