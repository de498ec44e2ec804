//! The views of the screen, and the place in each.

use crossterm::event::KeyCode;

/// A view of the screen.
#[derive(Debug)]
pub enum Screen {
    /// The conversation.
    Chat,
    /// All of the request or the plan that waits for the user, from this row on.
    Request(usize),
    /// The call of a tool with this id, from this row on.
    Call(String, usize),
    /// A list to choose from, and the item that the user is at.
    List(Listed, Vec<Item>, usize),
}

/// A list to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The stored sessions.
    Sessions,
    /// The models of the session.
    Models,
}

/// An item of such a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its identifier.
    pub id: String,
    /// The words to show for it.
    pub text: String,
}

/// The place in the conversation.
#[derive(Debug, Default)]
pub struct Scroll {
    /// The number of rows below the screen; 0 follows the conversation.
    pub below: usize,
    /// The number of rows of the conversation when it was drawn last; 0 while it is followed.
    pub total: usize,
    /// The number of rows that the screen shows.
    pub page: usize,
}

/// Moves the first row that is shown, and returns false if the key is for something else. What lies behind the end is
/// corrected when the screen is drawn.
pub fn scroll(row: &mut usize, key: KeyCode, page: usize) -> bool {
    match key {
        KeyCode::Up => *row = row.saturating_sub(1),
        KeyCode::Down => *row = row.saturating_add(1),
        KeyCode::PageUp => *row = row.saturating_sub(page),
        KeyCode::PageDown => *row = row.saturating_add(page),
        KeyCode::Home => *row = 0,
        KeyCode::End => *row = usize::MAX,
        _ => return false,
    }
    true
}
