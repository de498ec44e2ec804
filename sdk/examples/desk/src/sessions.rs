//! The sessions of the CLI: those that are open here, each with its state and its questions, and the stored ones.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use copilot_session::methods::notification::SessionLifecycle;
use copilot_session::types::{ProviderConfig, SessionLifecycleType, SessionListRequest, SessionMetadata};
use copilot_session::{
    Client, Error, Events, Session, SessionBuilder, SessionEvent, SessionEventData, printable,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::ask::{self, Asks};
use crate::feed::Feed;
use crate::node::title;
use crate::state::Status;

/// The most stored sessions in the list: the latest.
const MAX_LISTED: usize = 200;

/// The time in which changes of the list are collected.
const LIST_PAUSE: Duration = Duration::from_millis(100);

/// The settings of sessions.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A model server of your own.
    pub provider: Option<ProviderConfig>,
    /// The model; the CLI's choice if there is none.
    pub model: Option<String>,
    /// The folder in which new sessions work, if none is chosen for them.
    pub folder: std::path::PathBuf,
    /// Lets the CLI inspect shell commands. It then runs those that only read, by its judgement, without asking, and
    /// offers to approve others for the rest of a session.
    pub script_safety: bool,
}

/// A session that is open here.
pub struct Room {
    /// The session.
    pub session: Session,
    /// Its state, and its latest changes.
    pub feed: Arc<Feed>,
    /// Its questions to a person.
    pub asks: Arc<Asks>,
    /// The moment at which it was opened.
    opened: Instant,
}

/// All sessions of one CLI.
pub struct Desk {
    client: Client,
    settings: Settings,
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    list: watch::Sender<Arc<str>>,
    list_changed: Arc<Notify>,
    closing: CancellationToken,
}

/// The history of a session, whose events may come again.
#[derive(Default)]
struct Known {
    ids: HashSet<String>,
    /// The time of its last event.
    end: String,
}

impl Known {
    fn new(history: &[SessionEvent]) -> Self {
        let end = history.iter().map(SessionEvent::timestamp).max().unwrap_or_default();
        Self { ids: history.iter().map(|event| event.id().to_owned()).collect(), end: end.to_owned() }
    }

    /// Returns true if the history has the event, or the message that the event is a part of. Parts are not in a
    /// history, but the message of one that is older than its end is there, or still comes as a whole.
    fn has(&mut self, event: &SessionEvent) -> bool {
        use SessionEventData::{AssistantMessageDelta, AssistantReasoningDelta, AssistantUsage};
        let is_part =
            matches!(event.data(), AssistantMessageDelta(_) | AssistantReasoningDelta(_) | AssistantUsage(_));
        self.ids.remove(event.id()) || (is_part && event.timestamp() <= &*self.end)
    }
}

/// A session in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    title: String,
    folder: String,
    modified: String,
    state: ListedState,
    asks: usize,
}

/// The state of a session in the list.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum ListedState {
    Stored,
    /// Another process has it open.
    InUse,
    Idle,
    Working,
}

impl Desk {
    /// Creates the desk of a CLI, and keeps its list of sessions up to date.
    pub fn new(client: Client, settings: Settings) -> Arc<Self> {
        let list_changed = Arc::<Notify>::default();
        let changed = Arc::clone(&list_changed);
        client.on::<SessionLifecycle>(move |change| {
            use SessionLifecycleType::{SessionCreated, SessionDeleted};
            // The others come with every event.
            if change.is_ok_and(|change| matches!(change.kind, SessionCreated | SessionDeleted)) {
                changed.notify_one();
            }
        });
        let desk = Arc::new(Self {
            client,
            settings,
            rooms: Mutex::default(),
            list: watch::Sender::new("[]".into()),
            list_changed,
            closing: CancellationToken::new(),
        });
        tokio::spawn(Arc::clone(&desk).keep_list());
        desk
    }

    /// The list of sessions as JSON, and its changes.
    pub fn list(&self) -> watch::Receiver<Arc<str>> {
        self.list.subscribe()
    }

    /// Cancelled once the desk closes.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// The session with this id, if it is open here.
    pub fn room(&self, id: &str) -> Option<Arc<Room>> {
        self.rooms().get(id).cloned()
    }

    /// Creates a session, in this folder or else the usual one, with this model or else the usual one.
    ///
    /// # Errors
    /// As [`SessionBuilder::create`], and [`Error::Invalid`] if there is no such folder.
    pub async fn create(
        self: &Arc<Self>,
        folder: Option<String>,
        model: Option<String>,
    ) -> Result<Arc<Room>, Error> {
        let folder = folder.map_or_else(|| self.settings.folder.clone(), Into::into);
        if !tokio::fs::metadata(&folder).await.is_ok_and(|folder| folder.is_dir()) {
            return Err(Error::Invalid(format!(
                "there is no folder {}",
                printable(&folder.to_string_lossy())
            )));
        }
        let (feed, asks) = self.feed()?;
        let mut builder = self.builder(&asks).current_dir(&folder);
        if let Some(model) = &model {
            builder = builder.model(model);
        }
        let session = builder.create().await?;
        let model = model.or(self.settings.model.clone()).unwrap_or_default();
        feed.change(|state| state.set_defaults(&folder.to_string_lossy(), &model));
        let events = session.events();
        Ok(self.enter(session, feed, asks, events, Known::default()))
    }

    /// Opens a stored session, or one that another client has open, with all that is pending in it.
    ///
    /// # Errors
    /// As [`SessionBuilder::resume`].
    pub async fn open(self: &Arc<Self>, id: &str) -> Result<Arc<Room>, Error> {
        if let Some(room) = self.room(id) {
            return Ok(room);
        }
        let (feed, asks) = self.feed()?;
        let builder = self.builder(&asks);
        let builder = builder.configure(|config| config.streaming(true).continue_pending_work(true));
        let session = builder.resume(id).await?;
        let events = session.events();
        let history = session.messages().await?;
        feed.change(|state| {
            history.iter().for_each(|event| state.apply(event));
            if !was_active(&history) {
                state.settle();
            }
        });
        Ok(self.enter(session, feed, asks, events, Known::new(&history)))
    }

    /// Disconnects a session, which stays on disk. What is pending in it is refused. Returns false if it is not open.
    pub async fn disconnect(&self, id: &str) -> bool {
        let Some(room) = self.room(id) else { return false };
        room.asks.close();
        // It has ended here, even if the CLI does not respond.
        drop(room.session.disconnect().await);
        true
    }

    /// Ends all streams, refuses all that is pending, disconnects the sessions and stops the CLI. Takes at most 25 s.
    pub async fn close(&self) {
        self.closing.cancel();
        let rooms: Vec<_> = self.rooms().values().cloned().collect();
        rooms.iter().for_each(|room| room.asks.close());
        self.client.stop().await;
    }

    /// Waits until the CLI is gone, for whatever reason, and returns the reason.
    pub async fn cli_closed(&self) -> String {
        self.client.closed().await.to_string()
    }

    fn feed(&self) -> Result<(Arc<Feed>, Arc<Asks>), Error> {
        let feed =
            Feed::new(Arc::clone(&self.list_changed)).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok((Arc::clone(&feed), Asks::new(feed)))
    }

    /// A session whose requests become questions to a person.
    fn builder(&self, asks: &Arc<Asks>) -> SessionBuilder {
        let [permission, question, form, plan] = [(); 4].map(|()| Arc::clone(asks));
        let script_safety = self.settings.script_safety;
        let mut builder = self
            .client
            .session()
            .on_permission(move |request, _| ask::decide(Arc::clone(&permission), request, script_safety))
            .on_user_input(move |asked, _| ask::reply(Arc::clone(&question), asked))
            .on_elicitation(move |asked, _| ask::fill_in(Arc::clone(&form), asked))
            .on_exit_plan_mode(move |asked, _| ask::judge(Arc::clone(&plan), asked))
            .configure(|config| config.enable_script_safety(script_safety));
        if let Some(provider) = &self.settings.provider {
            builder = builder.provider(provider.clone());
        }
        match &self.settings.model {
            Some(model) => builder.model(model),
            None => builder,
        }
    }

    /// Makes a session known, and follows its events.
    fn enter(
        self: &Arc<Self>,
        session: Session,
        feed: Arc<Feed>,
        asks: Arc<Asks>,
        events: Events,
        known: Known,
    ) -> Arc<Room> {
        let room = Arc::new(Room { session, feed, asks, opened: Instant::now() });
        self.rooms().insert(room.session.id().to_owned(), Arc::clone(&room));
        self.list_changed.notify_one();
        tokio::spawn(Arc::clone(self).follow(Arc::clone(&room), events, known));
        room
    }

    /// Adds the events of a session to its state until it ends. Those of its history are already there.
    async fn follow(self: Arc<Self>, room: Arc<Room>, mut events: Events, mut known: Known) {
        let mut last = String::new();
        while let Some(event) = events.next().await {
            if known.has(&event) {
                continue;
            }
            if !event.is_ephemeral() {
                // What comes after it is not in the history either.
                known = Known::default();
            }
            event.timestamp().clone_into(&mut last);
            room.feed.change(|state| state.apply(&event));
        }
        room.asks.close();
        room.feed.change(|state| state.end(&last));
        {
            let mut rooms = self.rooms();
            if rooms.get(room.session.id()).is_some_and(|known| Arc::ptr_eq(known, &room)) {
                rooms.remove(room.session.id());
            }
        }
        room.feed.end();
        self.list_changed.notify_one();
    }

    /// Renews the list whenever it has changed.
    async fn keep_list(self: Arc<Self>) {
        loop {
            let listed = tokio::select! {
                listed = self.listed() => listed,
                () = self.closing.cancelled() => return,
            };
            if let Ok(json) = serde_json::to_string(&listed) {
                self.list.send_if_modified(|list| {
                    let is_new = **list != *json;
                    *list = json.into();
                    is_new
                });
            }
            tokio::select! {
                () = self.list_changed.notified() => tokio::time::sleep(LIST_PAUSE).await,
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// The open sessions and then the stored ones, both from the latest on.
    async fn listed(&self) -> Vec<Listed> {
        let stored = self.client.rpc().session().list(&SessionListRequest::default()).await;
        let mut stored = stored.map(|list| list.sessions).unwrap_or_default();
        stored.sort_by(|a, b| b.modified_time.cmp(&a.modified_time));
        stored.truncate(MAX_LISTED);
        let in_use = self.in_use(&stored).await;
        let rooms = self.rooms().clone();
        let mut opened: Vec<_> = rooms.iter().collect();
        opened.sort_by_key(|(_, room)| Reverse(room.opened));
        let mut listed: Vec<Listed> = opened.into_iter().map(|(id, room)| open(id, room, &stored)).collect();
        let stored = stored.into_iter().filter(|session| !rooms.contains_key(&session.session_id));
        listed.extend(stored.map(|session| {
            let shown = session.name.as_deref().or(session.summary.as_deref()).unwrap_or_default();
            Listed {
                title: title(shown),
                folder: session.context.map(|context| title(&context.cwd)).unwrap_or_default(),
                modified: title(&session.modified_time),
                state: if in_use.contains(&session.session_id) {
                    ListedState::InUse
                } else {
                    ListedState::Stored
                },
                asks: 0,
                id: session.session_id,
            }
        }));
        listed
    }

    /// The sessions that another process has open. The typed method needs the feature `full`, which doubles the time
    /// to build; a CLI without it reports none.
    async fn in_use(&self, stored: &[SessionMetadata]) -> HashSet<String> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct InUse {
            in_use: HashSet<String>,
        }
        let ids: Vec<&str> = stored.iter().map(|session| session.session_id.as_str()).collect();
        let checked =
            self.client.call_raw::<InUse>("sessions.checkInUse", json!({ "sessionIds": ids })).await;
        checked.unwrap_or_default().in_use
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open session in the list.
fn open(id: &str, room: &Room, stored: &[SessionMetadata]) -> Listed {
    let (head, asks) = room.feed.summary();
    let stored = stored.iter().find(|session| session.session_id == id);
    Listed {
        id: id.to_owned(),
        title: head.title,
        folder: head.folder,
        modified: stored.map(|session| title(&session.modified_time)).unwrap_or_default(),
        state: if head.status == Status::Working { ListedState::Working } else { ListedState::Idle },
        asks,
    }
}

/// Returns true if the agent was at work when the session was resumed.
fn was_active(history: &[SessionEvent]) -> bool {
    let resumed = history.iter().rev().find_map(|event| match event.data() {
        SessionEventData::SessionResume(resume) => Some(resume.session_was_active == Some(true)),
        _ => None,
    });
    resumed.unwrap_or(false)
}
