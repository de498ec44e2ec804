//! Calls of a client that do more than their method.
//!
//! Inline, so that the large types of the answers are compiled only where somebody asks.

use std::sync::Arc;

use crate::client::Client;
use crate::error::Error;
use crate::events::notifications::{MalformedNotification, Notifications};
use crate::events::stream::Subscription;
use crate::rpc::Notification;
use crate::runtime::lock;
use crate::session::done;
use crate::types::{ModelList, ModelsListRequest, SessionDeleteRequest, SessionSetForegroundRequest};

impl Client {
    /// Asks for a sign of life (`ping`) and gives what comes back: `pong: <message>`.
    ///
    /// # Errors
    /// As any [call](crate::Call).
    #[inline]
    pub async fn ping(&self, message: &str) -> Result<String, Error> {
        // Not typed: old versions give the time as a number.
        let params = serde_json::json!({ "message": message });
        let pong: serde_json::Value = self.inner().host().caller.call("ping", &params).await?;
        Ok(pong["message"].as_str().unwrap_or_default().to_owned())
    }

    /// The models that GitHub offers to the user (`models.list`), asked for once.
    ///
    /// # Errors
    /// As any [call](crate::Call), such as that nobody is logged in.
    #[inline]
    pub async fn models(&self) -> Result<Arc<ModelList>, Error> {
        let known = lock(&self.inner().models).clone();
        match known {
            Some(models) => Ok(models),
            None => self.refresh_models().await,
        }
    }

    /// The same models, asked for anew (`models.list`).
    ///
    /// # Errors
    /// As [`models`](Self::models); what was known before stays.
    #[inline]
    pub async fn refresh_models(&self) -> Result<Arc<ModelList>, Error> {
        let models = self.rpc().models().list(&ModelsListRequest::default()).await?;
        let models = Arc::new(models);
        *lock(&self.inner().models) = Some(Arc::clone(&models));
        Ok(models)
    }

    /// Deletes a session for good (`session.delete`), what is on disk included. One that is open ends, with
    /// its turns ([`Error::SessionEnded`]).
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such session, else as any [call](crate::Call).
    #[inline]
    pub async fn delete_session(&self, id: &str) -> Result<(), Error> {
        const METHOD: &str = "session.delete";
        self.inner().host().connection().in_flight().spare_current();
        let params = SessionDeleteRequest::new(id);
        done(METHOD, &self.inner().host().caller.call::<()>(METHOD, &params).json().await?)?;
        // The CLI tells so itself, but not every version does.
        self.inner().host().router.end_session(id);
        Ok(())
    }

    /// Has the CLI's own terminal show a session (`session.setForeground`).
    ///
    /// # Errors
    /// [`Error::Refused`] by a CLI without a terminal of its own, as one that was started here is; else as
    /// any [call](crate::Call).
    #[inline]
    pub async fn set_foreground_session(&self, id: &str) -> Result<(), Error> {
        const METHOD: &str = "session.setForeground";
        let params = SessionSetForegroundRequest::new(id);
        done(METHOD, &self.inner().host().caller.call::<()>(METHOD, &params).json().await?)
    }

    /// Calls the closure for each notification of one kind from now on, on a task of its own:
    /// `client.on::<SessionLifecycle>(|change| …)` for what becomes of sessions, whoever made them. One whose
    /// params do not have the shape that the schema gives them comes as [`MalformedNotification`].
    #[inline]
    pub fn on<N: Notification>(
        &self,
        handle: impl FnMut(Result<N::Params, MalformedNotification>) + Send + 'static,
    ) -> Subscription {
        self.inner().host().router.notices().on::<N>(handle)
    }

    /// The notifications of one kind from now on.
    #[inline]
    pub fn notifications<N: Notification>(&self) -> Notifications<N> {
        self.inner().host().router.notices().subscribe::<N>()
    }
}
