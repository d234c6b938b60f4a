//! The layers together.

use super::*;

/// The file's name and text, the environment, and the command line.
fn load(file: &str, environment: &[(&str, &str)], line: &str) -> Result<Command, ConfigError> {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    Config::load(&arguments, environment, |path| match path.to_str() {
        Some("server.properties") => Ok(file.to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file")),
    })
}

fn run(file: &str, environment: &[(&str, &str)], line: &str) -> Startup {
    match load(file, environment, line) {
        Ok(Command::Run(startup)) => *startup,
        other => panic!("{other:?}"),
    }
}

fn show(listeners: &[Listener]) -> String {
    listeners.iter().map(Listener::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn later_layers_win() {
    let partitions = |file: &str, environment: &[(&str, &str)], line: &str| {
        run(file, environment, &format!("server.properties {line}")).config.num_partitions
    };
    let (file, environment) = ("num.partitions=2", [("KAFKA_NUM_PARTITIONS", "3")]);
    assert_eq!(partitions("", &[], ""), 1);
    assert_eq!(partitions(file, &[], ""), 2);
    assert_eq!(partitions("num.partitions=9\nnum.partitions=2", &[], ""), 2);
    assert_eq!(partitions(file, &environment, ""), 3);
    assert_eq!(partitions(file, &environment, "--override num.partitions=4"), 4);
    assert_eq!(partitions(file, &environment, "--override num.partitions=4 --override num.partitions=5"), 5);
}

#[test]
fn nothing_given() {
    let startup = run("", &[("PATH", "/bin"), ("KAFKA_HEAP_OPTS", "-Xmx1g")], "");
    assert_eq!(startup.config, Config::default());
    assert_eq!(startup.notices, Notices::default());
    assert_eq!(show(&startup.config.listeners), "PLAINTEXT://localhost:9092");
    assert!(matches!(load("", &[], "--help"), Ok(Command::Help(_))));
    assert_eq!(load("", &[], "--version"), Ok(Command::Version));
}

/// The properties that come with Kafka's own distribution.
#[test]
fn the_stock_file_of_kafka() {
    let file = "
        process.roles=broker,controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
        num.network.threads=3
        socket.request.max.bytes=104857600
        log.dirs=/tmp/kraft-combined-logs
        num.partitions=1
        offsets.topic.replication.factor=1
        log.retention.hours=168
        log.segment.bytes=1073741824";
    let startup = run(file, &[], "server.properties");
    assert_eq!(show(&startup.config.listeners), "PLAINTEXT://:9092");
    assert_eq!(startup.config.advertised("PLAINTEXT").unwrap().to_string(), "PLAINTEXT://localhost:9092");
    assert_eq!(startup.notices.unknown, []);
    let ignored = [
        "controller.quorum.bootstrap.servers",
        "inter.broker.listener.name",
        "log.dirs",
        "num.network.threads",
        "offsets.topic.replication.factor",
        "process.roles",
    ];
    assert_eq!(startup.notices.ignored, ignored);
    assert!(startup.config.given.contains("num.partitions"));
}

/// What people write into a compose file for Kafka's container image.
#[test]
fn the_environment_of_the_container_image() {
    let environment = [
        ("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"),
        ("KAFKA_BROKER_ID", "7"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "7@broker:9093"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_LISTENERS", "PLAINTEXT://:19092,CONTROLLER://:9093,PLAINTEXT_HOST://0.0.0.0:9092"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://broker:19092,PLAINTEXT_HOST://localhost:9092"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
        ("KAFKA_LOG4J_ROOT_LOGLEVEL", "DEBUG"),
        ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "100"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:9092"),
    ];
    let startup = run("", &environment, "");
    let config = startup.config;
    assert_eq!(show(&config.listeners), "PLAINTEXT://:19092,PLAINTEXT_HOST://0.0.0.0:9092");
    assert_eq!(config.advertised("PLAINTEXT_HOST").unwrap().to_string(), "PLAINTEXT_HOST://localhost:9092");
    assert_eq!((config.node_id, config.group_initial_rebalance_delay_ms), (7, 100));
    let variable = "KAFKA_BOOTSTRAP_SERVERS".to_owned();
    assert_eq!(startup.notices.unknown, [("bootstrap.servers".to_owned(), Origin::Environment { variable })]);
    assert_eq!(startup.notices.ignored, ["controller.quorum.voters", "inter.broker.listener.name", "process.roles"]);
}

#[test]
fn listeners_of_the_command_line() {
    let file = "listeners=PLAINTEXT://:1,X://:2\nlistener.security.protocol.map=X:PLAINTEXT";
    let config = run(file, &[], "server.properties --listen 127.0.0.1:0 --listen [::1]:0 --advertise h:1").config;
    assert_eq!(show(&config.listeners), "PLAINTEXT://127.0.0.1:0,PLAINTEXT://[::1]:0");
    assert_eq!(show(&config.advertised_listeners), "PLAINTEXT://h:1");
    let startup = run("", &[], "--topic a:2 --port-file /p");
    assert_eq!(startup.topics, [StartTopic { name: "a".to_owned(), partitions: Some(2) }]);
    assert_eq!(startup.port_file.as_deref(), Some(Path::new("/p")));
}

#[test]
fn one_clear_sentence() {
    let check = |file: &str, environment: &[(&str, &str)], line: &str, expect: &str| {
        assert_eq!(load(file, environment, line).unwrap_err().to_string(), expect);
    };
    let many =
        |origin| format!("num.partitions is 'many' (from {origin}), but it must be a whole number of at least 1.");
    check("", &[], "--override num.partitions=many", &many("--override"));
    check("\nnum.partitions=many", &[], "server.properties", &many("server.properties, line 2"));
    check("", &[("KAFKA_NUM_PARTITIONS", "many")], "", &many("KAFKA_NUM_PARTITIONS in the environment"));
    check("", &[], "--lisen x", "There is no option --lisen. See kafka-rs --help.");
    check("", &[], "other.properties", "The properties file other.properties cannot be read: there is no such file.");
    check(
        "a=\\u12",
        &[],
        "server.properties",
        "The properties file server.properties cannot be read: \
         line 1 has \\u without four hexadecimal digits: write \\\\u, or the character itself.",
    );
    check(
        "",
        &[],
        "--override listeners=localhost:9092",
        "listeners is 'localhost:9092' (from --override), \
         but it must be a list of NAME://HOST:PORT such as PLAINTEXT://localhost:9092.",
    );
    check(
        "listeners=SASL_SSL://:9092",
        &[],
        "server.properties",
        "listeners is 'SASL_SSL://:9092' (from server.properties, line 1), but kafka-rs speaks only PLAINTEXT, \
         without encryption and passwords: leave the SASL_SSL listener SASL_SSL out.",
    );
    check(
        "",
        &[("KAFKA_AUTHORIZER_CLASS_NAME", "a.B")],
        "",
        "authorizer.class.name is 'a.B' (from KAFKA_AUTHORIZER_CLASS_NAME in the environment), \
         but kafka-rs has no authorizer, every client may do everything: leave it out, or run Apache Kafka.",
    );
    check(
        "",
        &[],
        "--override listener.security.protocol.map=A",
        "listener.security.protocol.map is 'A' (from --override), but it must be a list of NAME:PROTOCOL \
         with protocols out of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL.",
    );
}

#[test]
fn settings_that_do_not_go_together() {
    let check = |line: &str, expect: &str| {
        assert_eq!(load("", &[], line).unwrap_err().to_string(), expect);
    };
    check(
        "--advertise 0.0.0.0:9092",
        "advertised.listeners has PLAINTEXT://0.0.0.0:9092, but clients cannot connect to 0.0.0.0: \
         name an address of this machine.",
    );
    check(
        "--override advertised.listeners=SSL://h:1",
        "advertised.listeners is 'SSL://h:1' (from --override), but kafka-rs speaks only PLAINTEXT, \
         without encryption and passwords: leave the SSL listener SSL out.",
    );
    check(
        "--override advertised.listeners=X://h:1 --override listener.security.protocol.map=X:PLAINTEXT",
        "advertised.listeners has X://h:1, but listeners has no listener X.",
    );
    check(
        "--override advertised.listeners=PLAINTEXT://g:1,PLAINTEXT://h:1",
        "advertised.listeners has two addresses for PLAINTEXT: leave one out.",
    );
    check("--listen a:1 --listen a:1", "listeners has the address of PLAINTEXT://a:1 twice: leave one out.");
    check(
        "--override listeners=C://:1 --override controller.listener.names=C",
        "listeners names no listener for clients: add one such as PLAINTEXT://localhost:9092.",
    );
}

#[test]
fn a_program_is_checked_too() {
    let config = Config { num_partitions: 0, ..Config::default() };
    let expect = "num.partitions is '0' (from the program), but it must be a whole number of at least 1.";
    assert_eq!(config.check().unwrap_err().to_string(), expect);
    assert_eq!(Config::default().check(), Ok(()));
}
