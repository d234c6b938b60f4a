mod admin;
mod bad_input;
mod clients;
#[cfg(unix)]
mod clients_faults;
mod clients_rust;
mod codec;
mod compaction;
mod configs;
mod damage;
mod docs;
mod driver;
#[cfg(target_os = "linux")]
mod endurance;
mod fetch;
mod fuzz;
mod groups;
mod limits;
mod produce;
mod program;
#[cfg(unix)]
mod proxy;
mod quotas;
mod records;
mod requests;
mod retention;
mod security;
mod server;
mod socket;
mod topics;
mod transactions;
