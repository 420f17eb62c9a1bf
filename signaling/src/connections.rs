//! Connections until they are WebSockets: how many there may be, and how long each may take.
//!
//! A connection that says nothing, or says it byte by byte, costs a file descriptor. Each has a time for its headers and a time in
//! all, and what is beyond the number waits in the kernel's backlog until another one ends.

use crate::app::App;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A place among the connections; a WebSocket keeps that of the connection it was.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionPlace(#[expect(dead_code, reason = "held for its Drop")] Arc<OwnedSemaphorePermit>);

/// The times of a connection.
#[derive(Clone, Copy, Debug)]
struct Times {
    header: Duration,
    whole: Duration,
}

/// Serves every connection until the server ends.
pub(crate) async fn serve_all(mut listener: TcpListener, app: Arc<App>, router: axum::Router) {
    let max = app.config.participants_max + app.limits.lobby_max + app.limits.http_connections_max;
    let places = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
    let times = Times { header: app.limits.header_timeout, whole: app.limits.http_time_max };
    let router = TowerToHyperService::new(router);
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        tokio::select! {
            // Waits a moment when there are no file descriptors left.
            (stream, _) = Listener::accept(&mut listener) => {
                connections.spawn(serve(stream, router.clone(), ConnectionPlace(Arc::new(place)), times));
            }
            () = app.drain.ending() => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, router: TowerToHyperService<axum::Router>, place: ConnectionPlace, times: Times) {
    // Nagle's algorithm would hold a small notification back until the one before it is acknowledged.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        router.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(times.header);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    // An upgrade ends it as well. An error is the client's: there is nobody to tell.
    if timeout(times.whole, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(times.header, connection).await;
    }
}
