//! Sockets, the poll loop and the clock: everything that the broker must not know.
//!
//! Start with [`server`]: the loop. [`connection`] is one socket as a state machine; it takes frames apart with [`frame`]
//! and keeps what waits to be written in [`write_queue`]. [`listen`] opens the sockets that accept, [`handle`] runs a broker
//! on a thread of its own for programs that want one inside of them.

mod connection;
mod frame;
mod handle;
mod listen;
mod server;
mod write_queue;

pub use self::handle::RunningBroker;
pub use self::listen::StartError;
pub use self::server::Server;
