//! A background task that ends when its handle is dropped.

use tokio::task::JoinHandle;

/// The handle of the task.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

impl Task {
    pub(super) fn spawn<T>(task: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            let _ended = task.await;
        }))
    }

    /// Returns when the task has ended.
    pub(super) async fn ended(&mut self) {
        let _ended = (&mut self.0).await;
    }

    /// Ends the task.
    pub(super) fn abort(&self) {
        self.0.abort();
    }
}

impl From<JoinHandle<()>> for Task {
    fn from(handle: JoinHandle<()>) -> Self {
        Self(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort();
    }
}
