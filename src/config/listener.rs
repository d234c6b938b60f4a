//! Where the broker waits for connections and what it tells clients to connect to.

use std::fmt;
use std::net::IpAddr;

/// One element of `listeners` or `advertised.listeners`: a name and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Ties a listener to its advertised address. Capital letters, as Kafka makes them.
    pub name: String,
    /// Empty in `listeners`: every interface. Empty in `advertised.listeners`: the address at which the client came.
    /// An IPv6 address stands here without its brackets.
    pub host: String,
    /// 0 in `listeners`: a free port. 0 in `advertised.listeners`: the port that the listener got.
    pub port: u16,
}

/// The name of a listener for which none is given.
pub(super) const PLAINTEXT: &str = "PLAINTEXT";

impl Listener {
    /// A listener named `PLAINTEXT`, from `HOST:PORT`.
    pub fn plaintext(address: &str) -> Option<Listener> {
        let (host, port) = address.trim().rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-%._:".contains(&byte));
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        if !is_host || !is_number {
            return None;
        }
        Some(Listener { name: PLAINTEXT.to_owned(), host: host.to_owned(), port: port.parse().ok()? })
    }

    /// From `NAME://HOST:PORT`.
    pub fn parse(text: &str) -> Option<Listener> {
        let (name, address) = text.trim().split_once("://")?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        Some(Listener { name: name.to_uppercase(), ..Listener::plaintext(address)? })
    }

    /// Whether the host is one that a program can listen on but nobody can connect to.
    pub fn is_meta_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listener { name, host, port } = self;
        if host.contains(':') { write!(f, "{name}://[{host}]:{port}") } else { write!(f, "{name}://{host}:{port}") }
    }
}

/// Whether the two lists go together; if not, a sentence that says why.
///
/// Kafka wants each listener to have a name of its own. Here several addresses may share one, so that a listener can be
/// on 127.0.0.1 and on ::1.
pub(super) fn check(listeners: &[Listener], advertised: &[Listener]) -> Result<(), String> {
    if listeners.is_empty() {
        return Err("listeners names no listener for clients: add one such as PLAINTEXT://localhost:9092.".to_owned());
    }
    for (index, listener) in listeners.iter().enumerate() {
        let is_same = |other: &Listener| other.host == listener.host && other.port == listener.port;
        if listener.port != 0 && listeners.iter().take(index).any(is_same) {
            return Err(format!("listeners has the address of {listener} twice: leave one out."));
        }
    }
    for (index, one) in advertised.iter().enumerate() {
        let name = &one.name;
        if one.is_meta_address() {
            return Err(format!(
                "advertised.listeners has {one}, but clients cannot connect to {}: name an address of this machine.",
                one.host
            ));
        }
        if !listeners.iter().any(|listener| listener.name == *name) {
            return Err(format!("advertised.listeners has {one}, but listeners has no listener {name}."));
        }
        if advertised.iter().take(index).any(|other| other.name == *name) {
            return Err(format!("advertised.listeners has two addresses for {name}: leave one out."));
        }
    }
    Ok(())
}

/// Which listeners are for clients, and what they speak: `controller.listener.names` and
/// `listener.security.protocol.map`.
#[derive(Debug, Default)]
pub(super) struct Protocols {
    controllers: Vec<String>,
    /// Listener's name, protocol's name; both in capital letters.
    map: Vec<(String, String)>,
}

/// What a listener's protocol may be called.
const PROTOCOLS: [&str; 4] = [PLAINTEXT, "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

impl Protocols {
    pub(super) fn set_controllers(&mut self, names: &str) {
        self.controllers = elements(names).map(str::to_uppercase).collect();
    }

    /// An error ends the sentence `listener.security.protocol.map is …, but …`.
    pub(super) fn set_map(&mut self, text: &str) -> Result<(), String> {
        self.map.clear();
        for element in elements(text) {
            let (name, protocol) = element.split_once(':').unwrap_or((element, ""));
            let protocol = protocol.trim().to_uppercase();
            if !PROTOCOLS.contains(&protocol.as_str()) {
                return Err(format!(
                    "it must be a list of NAME:PROTOCOL with protocols out of {}",
                    PROTOCOLS.join(", ")
                ));
            }
            self.map.push((name.trim().to_uppercase(), protocol));
        }
        Ok(())
    }

    /// Leaves out the listeners of the controller, which has no work here, and refuses those that clients could only
    /// use with a protocol that is not spoken here. An error ends the sentence `listeners is …, but …`.
    pub(super) fn for_clients(&self, listeners: Vec<Listener>) -> Result<Vec<Listener>, String> {
        let clients = listeners.into_iter().filter(|listener| !self.controllers.contains(&listener.name));
        clients.map(|listener| self.speaks_plaintext(&listener).map(|()| listener)).collect()
    }

    fn speaks_plaintext(&self, listener: &Listener) -> Result<(), String> {
        let name = listener.name.as_str();
        match self.protocol(name) {
            Some(PLAINTEXT) => Ok(()),
            Some(protocol) => Err(format!(
                "kafka-rs speaks only PLAINTEXT, without encryption and passwords: \
                 leave the {protocol} listener {name} out"
            )),
            None => {
                Err(format!("nothing says what {name} speaks: add {name}:PLAINTEXT to listener.security.protocol.map"))
            }
        }
    }

    /// A protocol's own name needs no entry in the map.
    fn protocol<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mapped = self.map.iter().find(|(listener, _)| listener == name).map(|(_, protocol)| protocol.as_str());
        mapped.or(PROTOCOLS.contains(&name).then_some(name))
    }
}

fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_shows() {
        for (text, expect) in [
            ("PLAINTEXT://localhost:9092", Some("PLAINTEXT://localhost:9092")),
            ("plaintext_host://0.0.0.0:29092", Some("PLAINTEXT_HOST://0.0.0.0:29092")),
            (" PLAINTEXT://:0 ", Some("PLAINTEXT://:0")),
            ("A://[::1]:1", Some("A://[::1]:1")),
            ("A://::1:1", Some("A://[::1]:1")),
            ("A://[fe80::1%eth0]:1", Some("A://[fe80::1%eth0]:1")),
            ("localhost:9092", None),
            ("://localhost:9092", None),
            ("A://localhost", None),
            ("A://localhost:", None),
            ("A://localhost:+1", None),
            ("A://localhost:65536", None),
            ("A://local host:1", None),
            ("A://localhost:1/", None),
        ] {
            assert_eq!(Listener::parse(text).map(|listener| listener.to_string()).as_deref(), expect, "{text:?}");
        }
    }

    #[test]
    fn meta_addresses() {
        for (host, expect) in [("0.0.0.0", true), ("::", true), ("0:0::0", true), ("", false), ("127.0.0.1", false)] {
            let listener = Listener { name: "A".to_owned(), host: host.to_owned(), port: 1 };
            assert_eq!(listener.is_meta_address(), expect, "{host}");
        }
    }

    fn for_clients(map: &str, controllers: &str, listeners: &str) -> Result<String, String> {
        let mut protocols = Protocols::default();
        protocols.set_controllers(controllers);
        protocols.set_map(map)?;
        let listeners = protocols.for_clients(listeners.split(',').filter_map(Listener::parse).collect())?;
        Ok(listeners.iter().map(Listener::to_string).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn only_plaintext_for_clients() {
        let check = |map, listeners, expect: Result<&str, &str>| {
            let said = for_clients(map, "CONTROLLER, other", listeners);
            assert_eq!(said.as_deref().map_err(String::as_str), expect);
        };
        check("", "PLAINTEXT://:9092,CONTROLLER://:9093,OTHER://:9094", Ok("PLAINTEXT://:9092"));
        check("host : plaintext", "HOST://:1", Ok("HOST://:1"));
        check("HOST:PLAINTEXT", "PLAINTEXT://:9092", Ok("PLAINTEXT://:9092"));
        let ssl = "kafka-rs speaks only PLAINTEXT, without encryption and passwords: leave the SSL listener SSL out";
        check("", "PLAINTEXT://:1,SSL://:2", Err(ssl));
        let unknown = "nothing says what EXTERNAL speaks: add EXTERNAL:PLAINTEXT to listener.security.protocol.map";
        check("", "EXTERNAL://:1", Err(unknown));
        let map = "it must be a list of NAME:PROTOCOL with protocols out of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL";
        check("HOST", "HOST://:1", Err(map));
        check("HOST:TLS", "HOST://:1", Err(map));
    }
}
