//! Sockets, the poll loop and the clock: everything that the broker must not know.
//!
//! Start with [`server`]: the loop. [`reactor`] is what happens in one turn of it, [`connection`] is one socket as a state
//! machine; it takes frames apart with [`frame`] and keeps what waits to be written in [`write_queue`]. [`listen`] opens the
//! sockets that accept, [`memory`] asks how much the machine has, [`handle`] runs a broker on a thread of its own for programs
//! that want one inside of them.
//!
//! Only `server`, `listen` and `memory` touch the operating system. The rest works over whatever plays it, and so whole
//! conversations can be run without a socket and without a clock.

pub mod connection;
pub mod frame;
mod handle;
mod listen;
mod memory;
pub mod reactor;
mod server;
pub mod write_queue;

pub use self::handle::RunningBroker;
pub use self::listen::StartError;
pub use self::server::Server;
