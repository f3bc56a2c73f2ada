//! The target's tests: units by value, the service in process, and the built program over a socket.

mod auth;
mod config;
mod contract;
mod limits;
mod message;
mod process;
mod reload;
mod routing;
mod support;
