//! A load worker for Locust in native code, and the null server that calibrates it.
//!
//! Two planes share nothing but messages. The *control plane* ([`control`]) is one thread that speaks with
//! Locust's master: [`zmtp`] frames bytes, [`protocol`] gives them types, [`session`] decides what they mean.
//! The *data plane* ([`engine`]) is one loop a thread that sends requests when [`schedule`] says so, reads the
//! answers with [`http`] and keeps what happened in [`record`]. The parts named before it are pure: they own no socket,
//! no clock and no thread.

pub mod args;
pub mod control;
pub mod engine;
pub mod http;
pub mod master_link;
pub mod null;
pub mod own_request;
pub mod pool;
pub mod protocol;
pub mod record;
pub mod report;
pub mod schedule;
pub mod session;
pub mod sys;
pub mod zmtp;
