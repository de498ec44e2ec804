//! The loop of the chat: input, events, questions and results in; drawing and calls out.

use std::io;
use std::time::{Duration, Instant};

use copilot_session::{Closed, Error, SessionEventData};
use crossterm::event::{Event as TerminalEvent, EventStream};
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::Backend;
use tokio::sync::mpsc;

use crate::agent::{Agent, Opened};
use crate::app::{Action, App, Todo};
use crate::dialog::Dialog;
use crate::screen::{Item, Listed};
use crate::theme::Theme;
use crate::view;

/// The time between two drawings while events come without a pause.
const FRAME: Duration = Duration::from_millis(33);

/// The time after the last event in which the reason for the end is known.
const REASON: Duration = Duration::from_secs(5);

/// The result of a call that the loop did not wait for.
pub enum Done {
    /// A session was opened.
    Opened(Box<Opened>),
    /// A list to choose from.
    Listed(Listed, Vec<Item>),
    /// Another model is used, or will be: what there is to say of it.
    Model(String),
    /// The to-dos of the session with this id.
    Todos(String, Result<Vec<Todo>, Error>),
    /// Another session could not be opened.
    NotOpened(Error),
    /// The model with this name is not used.
    NoModel(String, Error),
    /// A prompt could not be sent.
    NotSent(Error),
    /// Another call failed.
    Failed(Error),
}

/// An input of the loop.
enum Input {
    Terminal(Option<io::Result<TerminalEvent>>),
    Event(Option<copilot_session::SessionEvent>),
    Ask(Option<Dialog>),
    Done(Option<Done>),
    Closed(Closed),
    Signal,
}

/// The loop and what it holds.
pub struct Chat {
    agent: Agent,
    opened: Opened,
    app: App,
    theme: Theme,
    asks: mpsc::Receiver<Dialog>,
    done: (mpsc::Sender<Done>, mpsc::Receiver<Done>),
    reading: Reading,
}

/// The state of the call that reads what is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// There is none.
    None,
    /// It is on its way.
    Once,
    /// It is on its way, and something has changed since.
    Again,
}

impl Chat {
    /// A chat in this session.
    pub fn new(agent: Agent, mut opened: Opened, asks: mpsc::Receiver<Dialog>, theme: Theme) -> Self {
        let mut app = App::new(std::mem::take(&mut opened.transcript), std::mem::take(&mut opened.model));
        app.is_planning = opened.is_planning;
        Self { agent, opened, app, theme, asks, done: mpsc::channel(8), reading: Reading::None }
    }

    /// Runs until the user or a signal ends it.
    pub async fn run<B>(mut self, terminal: &mut Terminal<B>) -> Result<(), Box<dyn std::error::Error>>
    where
        B: Backend<Error = io::Error>,
    {
        let (mut keys, mut signals) = (EventStream::new(), Signals::new()?);
        let mut drawn = Instant::now();
        terminal.draw(|frame| view::draw(frame, &mut self.app, self.theme))?;
        self.read_todos();
        let mut is_drawn = true;
        loop {
            let frame = tokio::time::sleep_until((drawn + FRAME).into());
            let input = tokio::select! {
                // The user first, whatever the agent sends.
                biased;
                () = signals.next() => Input::Signal,
                event = keys.next() => Input::Terminal(event),
                () = frame, if !is_drawn => {
                    terminal.draw(|frame| view::draw(frame, &mut self.app, self.theme))?;
                    (drawn, is_drawn) = (Instant::now(), true);
                    continue;
                }
                done = self.done.1.recv() => Input::Done(done),
                // The events before the questions, since one of them may end what was asked before.
                event = self.opened.events.next() => Input::Event(event),
                dialog = self.asks.recv() => Input::Ask(dialog),
                closed = self.agent.client.closed() => Input::Closed(closed),
            };
            if let Input::Event(None) = input {
                return Err(self.end().await);
            }
            if !self.handle(input)? {
                return Ok(());
            }
            is_drawn = false;
        }
    }

    /// The reason for the end of the session: that of the CLI, with its last words, unless the CLI goes on.
    async fn end(&self) -> Box<dyn std::error::Error> {
        match tokio::time::timeout(REASON, self.agent.client.closed()).await {
            Ok(closed) => closed.into(),
            Err(_) => "the session has ended".into(),
        }
    }

    /// Handles what happened, and returns false at the end of the program.
    fn handle(&mut self, input: Input) -> Result<bool, Box<dyn std::error::Error>> {
        let now = Instant::now();
        match input {
            Input::Terminal(Some(Ok(TerminalEvent::Key(key)))) => {
                if let Some(action) = self.app.key(key, now) {
                    return Ok(self.act(action));
                }
            }
            Input::Terminal(Some(Ok(TerminalEvent::Paste(text)))) => self.app.paste(&text, now),
            // Another size is seen when the screen is drawn.
            Input::Terminal(Some(Ok(_))) => {}
            Input::Terminal(Some(Err(error))) => return Err(error.into()),
            Input::Event(Some(event)) => {
                self.app.event(&event, now);
                if let SessionEventData::SessionTodosChanged(_) = event.data() {
                    self.read_todos();
                }
            }
            Input::Ask(Some(dialog)) => self.app.ask(dialog, now),
            Input::Done(Some(done)) => self.done(done, now),
            Input::Closed(closed) => return Err(closed.into()),
            Input::Signal
            | Input::Terminal(None)
            | Input::Event(None)
            | Input::Ask(None)
            | Input::Done(None) => return Ok(false),
        }
        Ok(true)
    }

    fn done(&mut self, done: Done, now: Instant) {
        match done {
            Done::Opened(mut opened) => {
                let (transcript, model) =
                    (std::mem::take(&mut opened.transcript), std::mem::take(&mut opened.model));
                // Dropping its last handle disconnects the old session.
                drop(std::mem::replace(&mut self.opened, *opened));
                self.app.open(transcript, model, now);
                self.app.is_planning = self.opened.is_planning;
                self.reading = Reading::None;
                self.read_todos();
            }
            Done::NotOpened(error) => {
                self.app.is_opening = false;
                self.app.notice = format!("{error:#}");
            }
            Done::Todos(session, todos) if session == self.opened.session.id() => {
                // Of a CLI that knows no such list there is nothing to say.
                self.app.todos = todos.unwrap_or_default();
                if std::mem::replace(&mut self.reading, Reading::None) == Reading::Again {
                    self.read_todos();
                }
            }
            // Of the session before.
            Done::Todos(..) => {}
            Done::Listed(of, items) => self.app.list(of, items, now),
            // The event of the change sets the name.
            Done::Model(notice) => self.app.notice = notice,
            Done::NoModel(model, error) => {
                self.app.restore(format!("/model {model}"));
                self.app.notice = format!("{error:#}");
            }
            Done::NotSent(error) => {
                self.app.rest();
                self.app.give_back();
                self.app.notice = format!("{error:#}");
            }
            Done::Failed(error) => self.app.notice = format!("{error:#}"),
        }
    }

    /// Begins what the user wants, and returns false at the end of the program.
    fn act(&mut self, action: Action) -> bool {
        let (agent, session) = (self.agent.clone(), self.opened.session.clone());
        let opened = |opened| Done::Opened(Box::new(opened));
        match action {
            Action::Quit => return false,
            Action::Send(prompt) => self.spawn(async move {
                session.send(prompt).await.map_or_else(|error| Some(Done::NotSent(error)), |_| None)
            }),
            Action::Abort => self.spawn(async move { session.abort().await.err().map(Done::Failed) }),
            Action::Plan(is_planning) => {
                self.spawn(async move { Agent::plan(&session, is_planning).await.err().map(Done::Failed) })
            }
            Action::List => self.spawn(async move {
                let listed = |items| Done::Listed(Listed::Sessions, items);
                Some(agent.sessions().await.map_or_else(Done::Failed, listed))
            }),
            Action::Models => self.spawn(async move {
                let listed = |items| Done::Listed(Listed::Models, items);
                Some(Agent::models(&session).await.map_or_else(Done::Failed, listed))
            }),
            Action::Model(model) => self.spawn(async move {
                Some(match session.set_model(model.as_str()).await {
                    Ok(result) if result.deferred == Some(true) => {
                        Done::Model("The model changes after this turn.".to_owned())
                    }
                    Ok(result) => Done::Model(result.message.unwrap_or_default()),
                    Err(error) => Done::NoModel(model, error),
                })
            }),
            Action::Create => {
                self.spawn(async move { Some(agent.create().await.map_or_else(Done::NotOpened, opened)) })
            }
            Action::Resume(id) => {
                self.spawn(
                    async move { Some(agent.resume(Some(id)).await.map_or_else(Done::NotOpened, opened)) },
                )
            }
        }
        true
    }

    /// Reads what is to do, with one call at a time.
    fn read_todos(&mut self) {
        if self.reading != Reading::None {
            self.reading = Reading::Again;
            return;
        }
        self.reading = Reading::Once;
        let session = self.opened.session.clone();
        self.spawn(async move {
            let todos = Agent::todos(&session).await;
            Some(Done::Todos(session.id().to_owned(), todos))
        });
    }

    /// Makes a call on a task of its own, so that the screen goes on.
    fn spawn(&self, call: impl Future<Output = Option<Done>> + Send + 'static) {
        let sender = self.done.0.clone();
        tokio::spawn(async move {
            if let Some(done) = call.await {
                // Without a receiver the program ends.
                drop(sender.send(done).await);
            }
        });
    }
}

/// The signals that end the program, from its creation on.
pub struct Signals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Signals {
    /// Listens from now on. Without it, the signals end the program at once, and after it they no longer do.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let [interrupt, terminate, hang_up] =
                [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
            Ok(Self { signals: [interrupt?, terminate?, hang_up?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for a signal.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hang_up] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}
