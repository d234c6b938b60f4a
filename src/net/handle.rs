//! A broker on a thread of its own, for programs that want one inside of them: tests above all.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use log::error;

use super::listen::StartError;
use super::server::{Server, Stopper};
use crate::broker::Broker;
use crate::config::Config;

/// A broker that runs. Dropping it stops the broker, closes its connections and forgets its records.
pub struct RunningBroker {
    addresses: Vec<SocketAddr>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker on a thread of its own, and returns once clients can connect.
    ///
    /// With port 0 each broker takes a free port, so that any number of them runs side by side:
    ///
    /// ```
    /// use kafka_rs::{Broker, Config};
    ///
    /// let mut config = Config::default();
    /// config.set("listeners", "PLAINTEXT://localhost:0")?;
    /// let broker = Broker::start(config)?;
    /// println!("bootstrap.servers={}", broker.bootstrap_servers());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(config: Config) -> Result<RunningBroker, StartError> {
        // The server is made on its thread, because its log is shared with what it writes by counters that know one thread.
        let (started, outcome) = mpsc::channel();
        let run = move || match start(config) {
            Ok((server, addresses)) => {
                // Whoever started the broker waits for this; should it be gone, it has dropped the handle too.
                let _ = started.send(Ok((addresses, server.stopper())));
                if let Err(error) = server.run() {
                    error!("The poll loop has failed: {error}");
                }
            }
            Err(error) => drop(started.send(Err(error))),
        };
        let thread = thread::Builder::new().name("kafka-rs".to_owned()).spawn(run)?;
        let (addresses, stopper) =
            outcome.recv().map_err(|_| StartError::System(std::io::ErrorKind::Other.into()))??;
        Ok(RunningBroker { addresses, stopper, thread: Some(thread) })
    }
}

fn start(config: Config) -> Result<(Server, Vec<SocketAddr>), StartError> {
    let server = Server::bind(config)?;
    let addresses = server.addresses()?;
    Ok((server, addresses))
}

impl RunningBroker {
    /// What clients call `bootstrap.servers`: the address of the first listener.
    pub fn bootstrap_servers(&self) -> String {
        self.addresses.first().map(SocketAddr::to_string).unwrap_or_default()
    }

    /// One address of each listener.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for RunningBroker {
    fn drop(&mut self) {
        self.stopper.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("The broker's thread has panicked");
        }
    }
}

impl fmt::Debug for RunningBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningBroker").field("bootstrap_servers", &self.bootstrap_servers()).finish_non_exhaustive()
    }
}
