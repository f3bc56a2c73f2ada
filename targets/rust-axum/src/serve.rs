//! The socket: listening, one task per connection, and the end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{Signal, SignalKind, signal},
    time::{sleep, timeout},
};

use crate::app::{self, App};

const BACKLOG: u32 = 4096;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Listens, serves until SIGTERM or SIGINT, and lets requests in flight finish.
///
/// # Errors
/// One line: the address cannot be bound.
pub async fn serve(address: SocketAddr, app: Arc<App>) -> Result<(), String> {
    let handler = |kind| signal(kind).map_err(|error| format!("cannot handle signals: {error}"));
    let hangups = handler(SignalKind::hangup())?;
    let ends = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let unusable =
        |error| format!("BIND={} PORT={}: cannot listen: {error}", address.ip(), address.port());
    let listener = listen(address).map_err(unusable)?;
    println!("listening on {}", listener.local_addr().map_err(unusable)?);
    tokio::spawn(Arc::clone(&app.table).follow(hangups));
    let connections = accept_until(ends, listener, app::router(app)).await;
    if timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await.is_err() {
        eprintln!("requests still in flight after {} s are given up", SHUTDOWN_TIMEOUT.as_secs());
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until the first signal, then closes the listener and answers those still open.
async fn accept_until(
    (mut terminations, mut interrupts): (Signal, Signal),
    listener: TcpListener,
    router: Router,
) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terminations.recv() => return connections,
            _ = interrupts.recv() => return connections,
        };
        match accepted {
            Ok((stream, _)) => start(stream, service.clone(), &connections),
            // The caller has gone: no reason to slow down for the next.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file descriptors, most likely: until one is closed, trying at once would only spin.
                eprintln!("cannot accept: {error}");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn start(stream: TcpStream, service: TowerToHyperService<Router>, all: &GracefulShutdown) {
    // Fails only on a socket that is already dead, which the first read reports.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        // A caller may close its sending side and still wait for the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let watched = all.watch(connection);
    // A connection that breaks concerns its caller alone.
    tokio::spawn(async { drop(watched.await) });
}
