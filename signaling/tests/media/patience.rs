//! Waiting that ends.

use std::time::Duration;

/// Long enough for a loaded machine; only a test that fails waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that cannot be waited for, so that others have the cores. [`PATIENCE`] is what tests wait by.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(20);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: did not happen in time"))
}
