//! How a setting is changed: one at a time, to the end, and in force when the answer goes out.

use std::sync::Arc;

use crate::Shared;
use crate::error::ApiError;

/// Runs `write` and puts its result in force.
///
/// It runs in a task of its own that this call awaits: when the caller hangs up, the task goes on, so a change is never
/// stored without being in force.
pub(super) async fn change<T, F, W>(api: &Shared, write: F) -> Result<T, ApiError>
where
    F: FnOnce(Shared) -> W,
    W: Future<Output = Result<T, ApiError>> + Send + 'static,
    T: Send + 'static,
{
    let api = Arc::clone(api);
    let writing = write(Arc::clone(&api));
    let task = tokio::spawn(async move {
        let _turn = api.changing.lock().await;
        let value = writing.await?;
        api.state.directory.refresh().await.map_err(ApiError::NotInForce)?;
        Ok(value)
    });
    task.await.unwrap_or(Err(ApiError::Interrupted))
}
