//! The program: arguments become a configuration, the configuration a server, and the server runs.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use kafka_rs::config::{Command, Config, Startup};
use kafka_rs::{Server, StartError};
use log::LevelFilter;

/// The command line or a property is wrong.
const BAD_USAGE: u8 = 2;
/// The broker could not start, or not go on.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    start_log();
    let arguments: Vec<String> = env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    let environment =
        env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    match Config::load(&arguments, environment, |path| fs::read_to_string(path)) {
        Ok(Command::Help(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("kafka-rs {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Command::Run(startup)) => match run(*startup) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(FAILED)
            }
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(BAD_USAGE)
        }
    }
}

/// Without RUST_LOG everything may be logged, up to a level that clients can change; with it, what it says.
fn start_log() {
    env_logger::Builder::new().filter_level(LevelFilter::Trace).parse_default_env().init();
    if env::var_os(env_logger::DEFAULT_FILTER_ENV).is_none() {
        log::set_max_level(LevelFilter::Info);
    }
}

fn run(startup: Startup) -> Result<(), StartError> {
    startup.notices.log();
    let mut server = Server::bind(startup.config)?;
    server.create_topics(&startup.topics);
    server.stop_on_signals()?;
    let addresses = server.addresses()?;
    let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    writeln!(io::stdout(), "kafka-rs listening on {}", shown.join(", "))?;
    if let (Some(path), Some(address)) = (&startup.port_file, addresses.first()) {
        write_whole(path, &format!("{}\n", address.port()))?;
    }
    Ok(server.run()?)
}

/// Writes a file that is there with all its text, or not at all: who waits for it may look at any time.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, path)
}
