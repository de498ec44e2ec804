//! Styles for terminals with 24-bit colours, with 16, and with none.

use ratatui::style::{Color, Modifier, Style};

/// The colours that a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// 24 bits, `COLORTERM=truecolor`.
    Full,
    /// The 16 colours of the terminal's own theme.
    Basic,
    /// None, by `NO_COLOR` or `TERM=dumb`.
    None,
}

impl Colors {
    /// Reads the environment by this function.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_none = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_none || variable("TERM").as_deref() == Some("dumb") {
            return Self::None;
        }
        match variable("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::Full,
            _ => Self::Basic,
        }
    }
}

/// The role of a piece of text.
#[derive(Clone, Copy)]
pub enum Role {
    /// The user's own words.
    Prompt,
    /// A heading in an answer.
    Heading,
    /// Code in an answer.
    Code,
    /// A quote, a link's address, a hint.
    Dim,
    /// A link.
    Link,
    /// A success.
    Good,
    /// A failure.
    Bad,
    /// Something that waits for the user.
    Ask,
    /// The line or field that the user is at.
    Selected,
}

/// The styles of this terminal.
#[derive(Clone, Copy)]
pub struct Theme(pub Colors);

impl Default for Theme {
    fn default() -> Self {
        Self(Colors::None)
    }
}

impl Theme {
    /// The style of a role. Without colours, roles differ by weight, slant, and signs in the text.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let style = match role {
            Role::Heading | Role::Prompt | Role::Ask => plain.add_modifier(Modifier::BOLD),
            Role::Link => plain.add_modifier(Modifier::UNDERLINED),
            Role::Selected => plain.add_modifier(Modifier::REVERSED),
            Role::Dim if self.0 != Colors::Full => plain.add_modifier(Modifier::DIM),
            Role::Code if self.0 == Colors::None => plain.add_modifier(Modifier::BOLD),
            _ => plain,
        };
        match self.color(role) {
            Some(color) => style.fg(color),
            None => style,
        }
    }

    fn color(self, role: Role) -> Option<Color> {
        let (full, basic) = match role {
            // Tones that can be read on a dark and on a light background.
            Role::Prompt => (Color::Rgb(0x4f, 0x8f, 0xd0), Color::Blue),
            Role::Heading => (Color::Rgb(0xa0, 0x70, 0xc8), Color::Magenta),
            Role::Code => (Color::Rgb(0x2f, 0x96, 0x96), Color::Cyan),
            Role::Dim => (Color::Rgb(0x80, 0x84, 0x8a), Color::Reset),
            Role::Link => (Color::Rgb(0x4f, 0x8f, 0xd0), Color::Blue),
            Role::Good => (Color::Rgb(0x3c, 0x9a, 0x50), Color::Green),
            Role::Bad => (Color::Rgb(0xd0, 0x50, 0x50), Color::Red),
            Role::Ask => (Color::Rgb(0xb8, 0x86, 0x20), Color::Yellow),
            Role::Selected => return None,
        };
        match self.0 {
            Colors::Full => Some(full),
            Colors::Basic => Some(basic),
            Colors::None => None,
        }
    }
}
