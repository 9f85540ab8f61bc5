//! A plane's socket: the port is held while the plane is down (connections are refused, nobody else gets it), and served
//! over TLS while it is up. Knows no request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::serve;
use crate::plane::Plane;

/// A bound port without a listener.
pub(crate) fn hold(port: u16) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// A served port.
#[derive(Debug)]
pub(crate) struct Listener {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// Starts to accept connections for `plane`.
    pub fn start(socket: TcpSocket, plane: Plane) -> std::io::Result<Listener> {
        let listener = socket.listen(1024)?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, plane, stop.clone(), tasks.clone()));
        Ok(Listener { stop, tasks })
    }

    /// Closes the port and all connections.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, plane: Plane, stop: CancellationToken, tasks: TaskTracker) {
    let acceptor = TlsAcceptor::from(plane.tls());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, acceptor.clone(), plane.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = connection => {}
                    }
                });
            }
            // Out of file descriptors, most likely: wait for others to be closed.
            Err(error) => {
                tracing::warn!(plane = plane.id(), %error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, plane: Plane) {
    // Small answers must not wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(tls)) = tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await else { return };
    let certified = tls.get_ref().1.peer_certificates().map(|chain| plane.identify_certificate(chain));
    let certified = Arc::new(certified.flatten());
    let service = service_fn(move |request| {
        let plane = plane.clone();
        let certified = certified.clone();
        async move { serve(&plane, certified.as_ref().as_ref(), request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).pipeline_flush(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1000);
    // An error here is the client's: it went away, or spoke no HTTP.
    let _ = builder.serve_connection(TokioIo::new(tls), service).await;
}
