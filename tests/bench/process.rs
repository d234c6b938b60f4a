//! Servers as processes of their own: the broker, the limit, and the peers.
//!
//! Each is started on the servers' core, tells on its first line where it listens, and ends with the value that stands for it.
//! What they log goes to `target/bench/servers.log`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use crate::machine::{self, Cores, Memory, Process};
use crate::{Outcome, report};

/// What stands in front of the address in a server's first line.
const LISTENING: &str = "listening on ";

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    process: Process,
    pub address: SocketAddr,
}

impl Server {
    /// The broker with these properties.
    pub fn broker(cores: Option<Cores>, properties: &[(&str, &str)]) -> Outcome<Self> {
        let mut command = broker_command();
        for (name, value) in properties {
            command.args(["--override", &format!("{name}={value}")]);
        }
        Self::start(cores, &mut command)
    }

    /// A role of this program: see [`crate::limit`].
    pub fn limit(cores: Option<Cores>, arguments: &[&str]) -> Outcome<Self> {
        Self::start(cores, limit_command()?.args(arguments))
    }

    pub fn start(cores: Option<Cores>, command: &mut Command) -> Outcome<Self> {
        let log = File::options().create(true).append(true).open(report::folder()?.join("servers.log"))?;
        let mut child = spawn(cores, command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log))?;
        let mut line = String::new();
        let stdout = child.stdout.as_mut().ok_or("the process has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().split_once(LISTENING).and_then(|(_, addresses)| addresses.split(", ").next());
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            end(&mut child);
            return Err(format!("a server said {line:?} instead of where it listens").into());
        };
        // The server may be what a script has started.
        let served_by = machine::children(child.id()).into_iter().find(|id| machine::name(*id) == "java");
        let process = Process::of(served_by.unwrap_or(child.id()))?;
        Ok(Self { child, process, address })
    }

    pub fn process(&self) -> Process {
        self.process
    }

    pub fn cpu(&self) -> io::Result<Duration> {
        self.process.cpu()
    }

    pub fn memory(&self) -> io::Result<Memory> {
        self.process.memory()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Asks a process to end, as the script does that has one of its own to end, and waits for it.
fn end(child: &mut Child) {
    let id = i32::try_from(child.id()).map(nix::unistd::Pid::from_raw);
    if id.is_ok_and(|id| nix::sys::signal::kill(id, nix::sys::signal::SIGTERM).is_err()) {
        // It has ended already.
    }
    let _ = child.wait();
}

/// The broker's program, listening at a free port, without what this process has in its environment for it.
pub fn broker_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-rs"));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
        command.env_remove(name);
    }
    command.args(["--listen", "127.0.0.1:0"]).env_remove("RUST_LOG");
    command
}

/// The bare program of `tests/bench/bare.rs`, built like the broker's.
pub fn bare_command() -> Outcome<Command> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--release", "--example", "bare"];
    let built = Command::new(cargo).args(build).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    let folder = Path::new(env!("CARGO_BIN_EXE_kafka-rs")).parent().filter(|_| built.success());
    Ok(Command::new(folder.ok_or("the bare program cannot be built")?.join("examples/bare")))
}

/// This very program, to play one of the roles of [`crate::limit`].
pub fn limit_command() -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(crate::limit::ROLE);
    Ok(command)
}

/// Starts a process on the servers' core: it inherits that from the thread that starts it.
pub fn spawn(cores: Option<Cores>, command: &mut Command) -> Outcome<Child> {
    let spawn = || -> io::Result<Child> {
        if let Some(cores) = cores {
            machine::pin(cores.server)?;
        }
        command.spawn()
    };
    let child = thread::scope(|scope| scope.spawn(spawn).join()).map_err(|_| "cannot start a process")?;
    Ok(child?)
}
