//! A service that does nothing but wait: it answers after known delays and keeps the truth about them, so that
//! what a load generator measures can be held against it.

mod delay;
mod request;
mod server;

pub use delay::{Delay, DelayError};
pub use server::{BACKLOG, Server, ServerOptions};
