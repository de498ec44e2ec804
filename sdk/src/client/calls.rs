//! Methods of a client that do more than one call.

use std::sync::Arc;

use crate::client::Client;
use crate::error::Error;
use crate::events::{
    notifications::MalformedNotification, notifications::Notifications, stream::Subscription,
};
use crate::rpc::Notification;
use crate::runtime::lock;
use crate::session::builder::SessionBuilder;
use crate::types::{ModelList, ModelsListRequest, SessionDeleteRequest, SessionSetForegroundRequest};

impl SessionBuilder {
    /// Moves the builder to another client, such as one that was started after the CLI of the first one ended.
    pub fn on_client(mut self, client: &Client) -> Self {
        self.host = Arc::clone(&client.0);
        self
    }
}

impl Client {
    /// Pings the CLI (`ping`) and returns its message: `pong: <message>`.
    ///
    /// # Errors
    /// As any [call](crate::Call).
    pub async fn ping(&self, message: &str) -> Result<String, Error> {
        // Not typed, since old CLIs send the time as a number.
        let params = serde_json::json!({ "message": message });
        let pong: serde_json::Value = self.0.caller.call("ping", &params).await?;
        Ok(pong["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns the models that GitHub offers to the user (`models.list`). Only the first success calls the CLI.
    ///
    /// # Errors
    /// As any [call](crate::Call), for example if no user is logged in.
    pub async fn models(&self) -> Result<Arc<ModelList>, Error> {
        let known = lock(&self.0.models).clone();
        match known {
            Some(models) => Ok(models),
            None => self.refresh_models().await,
        }
    }

    /// Fetches the models again (`models.list`).
    ///
    /// # Errors
    /// As [`models`](Self::models), which then still returns the earlier list.
    pub async fn refresh_models(&self) -> Result<Arc<ModelList>, Error> {
        let models = self.rpc().models().list(&ModelsListRequest::default()).await?;
        let models = Arc::new(models);
        *lock(&self.0.models) = Some(Arc::clone(&models));
        Ok(models)
    }

    /// Deletes a session with all its data on disk (`session.delete`). If it is open, it ends, and its turns fail
    /// with [`Error::TurnCutOff`].
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such session; otherwise as any [call](crate::Call).
    pub async fn delete_session(&self, id: &str) -> Result<(), Error> {
        self.0.connection().in_flight.spare_current();
        self.rpc().session().delete(&SessionDeleteRequest::new(id)).done().await?;
        // Not every version sends `session.lifecycle`.
        self.0.router.end_session(id);
        Ok(())
    }

    /// Shows a session in the CLI's own terminal (`session.setForeground`).
    ///
    /// # Errors
    /// [`Error::Refused`] if the CLI has no terminal of its own, such as one that this crate started; otherwise as
    /// any [call](crate::Call).
    pub async fn set_foreground_session(&self, id: &str) -> Result<(), Error> {
        self.rpc().session().set_foreground(&SessionSetForegroundRequest::new(id)).done().await
    }

    /// Calls the closure for each later notification of one kind, on a task of its own:
    /// `client.on::<SessionLifecycle>(|change| …)` reports changes of all sessions of the CLI. A notification whose
    /// params do not match the schema arrives as [`MalformedNotification`].
    pub fn on<N: Notification>(
        &self,
        handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        self.0.router.notifications.on::<N>(handle)
    }

    /// Subscribes to later notifications of one kind.
    pub fn notifications<N: Notification>(&self) -> Notifications<N> {
        self.0.router.notifications.subscribe::<N>()
    }
}
