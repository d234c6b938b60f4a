//! Kafka's broker properties that are no settings here: most mean nothing to a broker on one machine that keeps its
//! records in memory, and a few must not be passed over in silence.

/// What becomes of a property that is not in the table of settings.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Kafka has it, it would change nothing here.
    Ignored,
    /// It would change what clients may do, and here it would not. The text ends the sentence `NAME is …, but …`.
    Refused(&'static str),
    Unknown,
}

pub(super) fn verdict(name: &str, value: &str) -> Verdict {
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return if value.trim().is_empty() { Verdict::Ignored } else { Verdict::Refused(reason) };
    }
    if name == "process.roles" {
        let broker = value.trim().is_empty() || value.split(',').any(|role| role.trim() == "broker");
        return if broker { Verdict::Ignored } else { Verdict::Refused("kafka-rs is a broker: add that role") };
    }
    let known = IGNORED_FAMILIES.iter().any(|family| name.starts_with(family))
        || IGNORED.split_ascii_whitespace().any(|ignored| ignored == name);
    if known { Verdict::Ignored } else { Verdict::Unknown }
}

/// Refused unless empty.
const REFUSED: [(&str, &str); 5] = [
    (
        "authorizer.class.name",
        "kafka-rs has no authorizer, every client may do everything: leave it out, or run Apache Kafka",
    ),
    ("create.topic.policy.class.name", "kafka-rs runs no Java, so nothing would keep the policy: leave it out"),
    ("alter.config.policy.class.name", "kafka-rs runs no Java, so nothing would keep the policy: leave it out"),
    (
        "max.connections.per.ip.overrides",
        "kafka-rs has one limit for all addresses: set max.connections.per.ip and leave this out",
    ),
    ("config.providers", "kafka-rs reads values only as they stand: leave it out and write the values themselves"),
];

/// The first words of names that go on with something of the user's: a listener, a plug-in's own properties.
const IGNORED_FAMILIES: [&str; 3] = ["listener.name.", "rlmm.config.", "rsm.config."];

const IGNORED: &str = "
    background.threads num.io.threads num.network.threads num.recovery.threads.per.data.dir
    queued.max.request.bytes queued.max.requests request.timeout.ms server.max.startup.time.ms
    socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms socket.listen.backlog.size
    socket.receive.buffer.bytes socket.send.buffer.bytes max.connection.creation.rate early.start.listeners
    delete.records.purgatory.purge.interval.requests fetch.purgatory.purge.interval.requests
    producer.purgatory.purge.interval.requests share.fetch.purgatory.purge.interval.requests

    log.dir log.dirs log.dir.failure.timeout.ms
    log.flush.offset.checkpoint.interval.ms log.flush.start.offset.checkpoint.interval.ms
    log.cleaner.dedupe.buffer.size log.cleaner.io.buffer.load.factor
    log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second log.cleaner.threads

    auto.leader.rebalance.enable broker.heartbeat.interval.ms broker.session.timeout.ms
    controlled.shutdown.enable controller.performance.always.log.threshold.ms
    controller.performance.sample.period.ms controller.quorum.append.linger.ms
    controller.quorum.auto.join.enable controller.quorum.bootstrap.servers
    controller.quorum.election.backoff.max.ms controller.quorum.election.timeout.ms
    controller.quorum.fetch.timeout.ms controller.quorum.request.timeout.ms controller.quorum.retry.backoff.ms
    controller.quorum.voters
    controller.socket.timeout.ms initial.broker.registration.timeout.ms inter.broker.listener.name
    internal.metadata.delete.delay.millis internal.metadata.log.segment.bytes
    internal.metadata.max.batch.size.in.bytes internal.metadata.max.fetch.size.in.bytes
    leader.imbalance.check.interval.seconds metadata.log.dir metadata.log.max.record.bytes.between.snapshots
    metadata.log.max.snapshot.interval.ms metadata.log.segment.bytes metadata.log.segment.ms
    metadata.max.idle.interval.ms metadata.max.retention.bytes metadata.max.retention.ms
    unclean.leader.election.interval.ms unstable.api.versions.enable unstable.feature.versions.enable

    alter.log.dirs.replication.quota.window.num alter.log.dirs.replication.quota.window.size.seconds
    num.replica.alter.log.dirs.threads num.replica.fetchers replica.fetch.backoff.ms replica.fetch.max.bytes
    replica.fetch.min.bytes replica.fetch.response.max.bytes replica.fetch.wait.max.ms
    replica.high.watermark.checkpoint.interval.ms replica.lag.time.max.ms replica.selector.class
    replica.socket.receive.buffer.bytes replica.socket.timeout.ms replication.quota.window.num
    replication.quota.window.size.seconds

    offsets.commit.timeout.ms offsets.load.buffer.size offsets.topic.compression.codec
    offsets.topic.num.partitions offsets.topic.replication.factor offsets.topic.segment.bytes
    group.consumer.assignors group.consumer.heartbeat.interval.ms group.consumer.max.heartbeat.interval.ms
    group.consumer.max.session.timeout.ms group.consumer.max.size group.consumer.migration.policy
    group.consumer.min.heartbeat.interval.ms group.consumer.min.session.timeout.ms
    group.consumer.regex.refresh.interval.ms group.consumer.session.timeout.ms
    group.coordinator.append.linger.ms group.coordinator.rebalance.protocols group.coordinator.threads
    group.share.assignors group.share.delivery.count.limit group.share.enable
    group.share.heartbeat.interval.ms group.share.initialize.retry.interval.ms
    group.share.max.heartbeat.interval.ms group.share.max.record.lock.duration.ms
    group.share.max.session.timeout.ms group.share.max.share.sessions group.share.max.size
    group.share.min.heartbeat.interval.ms group.share.min.record.lock.duration.ms
    group.share.min.session.timeout.ms group.share.partition.max.record.locks group.share.persister.class.name
    group.share.record.lock.duration.ms group.share.session.timeout.ms group.streams.heartbeat.interval.ms
    group.streams.initial.rebalance.delay.ms group.streams.max.heartbeat.interval.ms
    group.streams.max.session.timeout.ms group.streams.max.size group.streams.max.standby.replicas
    group.streams.min.heartbeat.interval.ms group.streams.min.session.timeout.ms
    group.streams.num.standby.replicas group.streams.session.timeout.ms
    share.coordinator.append.linger.ms share.coordinator.cold.partition.snapshot.interval.ms
    share.coordinator.load.buffer.size share.coordinator.snapshot.update.records.per.snapshot
    share.coordinator.state.topic.compression.codec share.coordinator.state.topic.min.isr
    share.coordinator.state.topic.num.partitions share.coordinator.state.topic.prune.interval.ms
    share.coordinator.state.topic.replication.factor share.coordinator.state.topic.segment.bytes
    share.coordinator.threads share.coordinator.write.timeout.ms

    add.partitions.to.txn.retry.backoff.max.ms add.partitions.to.txn.retry.backoff.ms
    transaction.state.log.load.buffer.size transaction.state.log.min.isr transaction.state.log.num.partitions
    transaction.state.log.replication.factor transaction.state.log.segment.bytes
    transaction.two.phase.commit.enable

    client.quota.callback.class kafka.metrics.polling.interval.secs kafka.metrics.reporters metric.reporters
    metrics.num.samples metrics.recording.level metrics.sample.window.ms

    remote.fetch.max.wait.ms remote.list.offsets.request.timeout.ms
    remote.log.index.file.cache.total.size.bytes remote.log.manager.copier.thread.pool.size
    remote.log.manager.copy.max.bytes.per.second remote.log.manager.copy.quota.window.num
    remote.log.manager.copy.quota.window.size.seconds remote.log.manager.expiration.thread.pool.size
    remote.log.manager.fetch.max.bytes.per.second remote.log.manager.fetch.quota.window.num
    remote.log.manager.fetch.quota.window.size.seconds remote.log.manager.follower.thread.pool.size
    remote.log.manager.task.interval.ms remote.log.manager.task.retry.backoff.max.ms
    remote.log.manager.task.retry.backoff.ms remote.log.manager.task.retry.jitter
    remote.log.manager.thread.pool.size remote.log.metadata.custom.metadata.max.bytes
    remote.log.metadata.manager.class.name remote.log.metadata.manager.class.path
    remote.log.metadata.manager.impl.prefix remote.log.metadata.manager.listener.name
    remote.log.reader.max.pending.tasks remote.log.reader.threads remote.log.storage.manager.class.name
    remote.log.storage.manager.class.path remote.log.storage.manager.impl.prefix
    remote.log.storage.system.enable

    allow.everyone.if.no.acl.found super.users
    connection.failed.authentication.delay.ms connections.max.reauth.ms
    delegation.token.expiry.check.interval.ms delegation.token.expiry.time.ms delegation.token.max.lifetime.ms
    delegation.token.secret.key principal.builder.class sasl.client.callback.handler.class
    sasl.enabled.mechanisms sasl.jaas.config sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
    sasl.kerberos.principal.to.local.rules sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class sasl.login.class
    sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
    sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.mechanism.controller.protocol
    sasl.mechanism.inter.broker.protocol sasl.oauthbearer.assertion.algorithm
    sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds
    sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
    sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub
    sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file
    sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
    sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
    sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
    sasl.server.callback.handler.class sasl.server.max.receive.size security.inter.broker.protocol
    security.providers ssl.allow.dn.changes ssl.allow.san.changes ssl.cipher.suites ssl.client.auth
    ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.password
    ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location
    ssl.keystore.password ssl.keystore.type ssl.principal.mapping.rules ssl.protocol ssl.provider
    ssl.secure.random.implementation ssl.trustmanager.algorithm ssl.truststore.certificates
    ssl.truststore.location ssl.truststore.password ssl.truststore.type
";

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;

    #[test]
    fn verdicts() {
        for (name, value, expect) in [
            ("log.dirs", "/tmp", Verdict::Ignored),
            ("listener.name.external.ssl.keystore.location", "/k", Verdict::Ignored),
            ("process.roles", "controller, broker", Verdict::Ignored),
            ("process.roles", "controller", Verdict::Refused("kafka-rs is a broker: add that role")),
            ("authorizer.class.name", " ", Verdict::Ignored),
            ("num.partition", "1", Verdict::Unknown),
            ("retention.ms", "1", Verdict::Unknown),
            ("", "", Verdict::Unknown),
        ] {
            assert_eq!(verdict(name, value), expect, "{name}");
        }
        assert!(matches!(verdict("authorizer.class.name", "a.B"), Verdict::Refused(_)));
    }

    #[test]
    fn no_setting_that_acts_is_ignored() {
        for setting in settings::SETTINGS {
            assert_eq!(verdict(setting.name, "1"), Verdict::Unknown, "{}", setting.name);
        }
    }
}
