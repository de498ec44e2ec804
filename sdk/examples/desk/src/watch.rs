//! The server-sent events for one browser: those of the list of sessions, and those of the session that it shows.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::watch;

use crate::feed::Reader;
use crate::sessions::Desk;

/// The place of a browser. It reads when the connection has room for more, so nothing waits for it anywhere.
struct Watch {
    desk: Arc<Desk>,
    list: watch::Receiver<Arc<str>>,
    /// The session that it shows.
    session: Option<String>,
    reader: Option<Reader>,
    /// The message that it had last.
    last: Option<String>,
}

/// The events for a browser: `sessions`, then `state` and `changes` of its session while that is open, and `closed`
/// when it no longer is. They end when the desk closes.
pub fn events(
    desk: Arc<Desk>,
    session: Option<String>,
    last: Option<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut list = desk.list();
    list.mark_changed();
    let watch = Watch { list, desk, session, reader: None, last };
    let events = stream::unfold(watch, async |mut watch| {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        let closing = self.desk.closing().clone();
        let room = self.session.as_ref().and_then(|id| self.desk.room(id));
        if let (None, Some(room)) = (&self.reader, room) {
            self.reader = Some(room.feed.reader(self.last.take().as_deref()));
        }
        let message = async {
            match &mut self.reader {
                Some(reader) => reader.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = closing.cancelled() => None,
            changed = self.list.changed() => {
                changed.ok()?;
                let list = self.list.borrow_and_update();
                Some(Event::default().event("sessions").data(&**list))
            }
            message = message => Some(match message {
                Some(message) => Event::default().id(message.id).event(message.kind).data(message.json),
                None => {
                    self.reader = None;
                    Event::default().event("closed").data("")
                }
            }),
        }
    }
}
