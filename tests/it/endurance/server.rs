//! The program under a watch: what it holds and what it costs, as Linux tells it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::target;
use crate::socket::PATIENCE;

/// The program as `cargo build --release` makes it.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--release", "--bin", "kafka-rs", "--target-dir"]).arg(target());
        let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo can be started");
        assert!(status.success(), "cargo build --release failed");
        target().join("release/kafka-rs")
    };
    BUILT.get_or_init(build).clone()
}

/// A running program, which ends with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Server {
    pub fn start(properties: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port_file = folder.path().join("port");
        let mut command = Command::new(program());
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAFKA_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").args(["--listen", "127.0.0.1:0", "--port-file"]).arg(&port_file);
        for (name, value) in properties {
            command.arg("--override").arg(format!("{name}={value}"));
        }
        let log = fs::File::create(folder.path().join("log")).expect("a file for the log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the program");
        let deadline = Instant::now() + PATIENCE;
        let port = loop {
            if let Ok(text) = fs::read_to_string(&port_file) {
                break text.trim().parse().expect("a port");
            }
            assert!(Instant::now() < deadline, "the program does not start");
            thread::sleep(Duration::from_millis(10));
        };
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder }
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(path).expect("the program is alive")
    }

    fn status(&self, field: &str) -> u64 {
        let text = self.proc("status");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("a field of every process");
        let value = line.trim_start_matches(':').split_whitespace().next().expect("a value");
        value.parse().expect("a number")
    }

    /// The memory that it has of its own, in bytes: heap and stacks.
    pub fn memory(&self) -> u64 {
        self.status("RssAnon") << 10
    }

    /// How often it has gone to sleep.
    pub fn sleeps(&self) -> u64 {
        self.status("voluntary_ctxt_switches")
    }

    /// The time for which it has run on a processor.
    pub fn cpu(&self) -> Duration {
        let text = self.proc("schedstat");
        let nanos = text.split_whitespace().next().expect("a field of every process");
        Duration::from_nanos(nanos.parse().expect("a number"))
    }

    /// Ends it as an operator would. It must end by itself, and have nothing to complain of.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a process of ours");
        let status = self.child.wait().expect("a process of ours");
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(status.success() && !log.contains("panicked"), "{status}:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
