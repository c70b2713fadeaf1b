//! The API of the demo, on a loopback port of its own choice: what people do goes over it.

use crate::failure::Failure;
use ringi_orchestrator::Service;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The running API.
pub struct Api {
    /// Where it listens.
    pub url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Api {
    /// Serves this platform.
    pub async fn start(service: Arc<dyn Service>) -> Result<Api, Failure> {
        let broken = |e| Failure::new("demo.listen", e, "free a loopback port and try again");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(broken)?;
        let url = format!("http://{}", listener.local_addr().map_err(broken)?);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(ringi_gateway::serve(listener, service, ringi_gateway::Config::default(), async {
            let _ = stopped.await;
        }));
        Ok(Api { url, stop, task })
    }

    /// Lets open requests end.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
