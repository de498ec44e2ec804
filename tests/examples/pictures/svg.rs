//! The cells of a terminal as SVG.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use vt100::{Cell, Color, Screen};

/// The width of a cell in pixels, which is that of a letter of most monospaced fonts at [`FONT_SIZE`].
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const FONT_SIZE: u32 = 14;
/// The space around the cells.
const MARGIN: f64 = 14.0;

const INK: &str = "#e6edf3";
const GROUND: &str = "#0d1117";
const FRAME: &str = "#3d444d";

/// The 16 colours of a terminal.
const COLORS: [&str; 16] = [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4", "#6e7681",
    "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
];

/// Writes a picture of a screen, unless the one that is there already has the same words.
pub fn keep(path: &Path, screen: &Screen) -> Result<(), Box<dyn Error>> {
    let picture = draw(screen)?;
    if fs::read_to_string(path).is_ok_and(|old| words(&old) == words(&picture)) {
        return Ok(());
    }
    fs::write(path, picture)?;
    println!("{} is new.", path.display());
    Ok(())
}

/// The texts without a number, such as a duration or an id, which would be another one in each run.
fn words(picture: &str) -> Vec<&str> {
    let has_figure = |text: &str| text.contains(|letter: char| letter.is_ascii_digit());
    let is_word = |line: &&str| {
        let text = line.strip_prefix("<text ").and_then(|rest| rest.split_once('>'));
        text.is_some_and(|(_, text)| !has_figure(text))
    };
    picture.lines().filter(is_word).collect()
}

/// Draws the rows up to the last one with anything in it.
fn draw(screen: &Screen) -> Result<String, fmt::Error> {
    let (_, columns) = screen.size();
    let rows = screen.rows(0, columns).collect::<Vec<_>>();
    let rows = rows.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
    let (width, height) = (f64::from(columns) * WIDTH + 2.0 * MARGIN, rows as f64 * HEIGHT + 2.0 * MARGIN);
    let mut out = String::new();
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"{FONT_SIZE}\" fill=\"{INK}\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\" stroke=\"{FRAME}\"/>"
    )?;
    for row in 0..u16::try_from(rows).unwrap_or(u16::MAX) {
        for run in runs(screen, row) {
            run.draw(&mut out, row)?;
        }
    }
    out += "</svg>\n";
    Ok(out)
}

/// Cells of a row that are drawn together.
struct Run {
    column: u16,
    columns: u16,
    text: String,
    shape: Shape,
    style: Style,
}

/// The way in which cells are drawn. Fonts leave gaps between the letters that make up a bar or a line.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Nothing,
    Text,
    /// A part of a bar, and its opacity in percent.
    Bar(u32),
    /// A line along a row.
    Across,
    /// A line along a column.
    Down,
    /// A line from the right to below.
    Corner,
}

#[derive(PartialEq)]
struct Style {
    ink: String,
    ground: Option<String>,
    is_bold: bool,
    is_dim: bool,
    is_italic: bool,
    is_underlined: bool,
}

impl Style {
    fn of(cell: &Cell) -> Self {
        let (ink, ground) = (color(cell.fgcolor()), color(cell.bgcolor()));
        let (ink, ground) = match cell.inverse() {
            true => (Some(ground.unwrap_or(GROUND.into())), Some(ink.unwrap_or(INK.into()))),
            false => (ink, ground),
        };
        Self {
            ink: ink.unwrap_or(INK.into()),
            ground,
            is_bold: cell.bold(),
            is_dim: cell.dim(),
            is_italic: cell.italic(),
            is_underlined: cell.underline(),
        }
    }
}

/// A colour; none for that of the terminal.
fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Idx(index) => COLORS.get(usize::from(index)).map(|color| (*color).to_owned()),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

/// The runs of a row.
fn runs(screen: &Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1 {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else {
            continue;
        };
        let style = Style::of(cell);
        let letter = if cell.has_contents() { cell.contents() } else { " " };
        let shape = match letter {
            // One space keeps words together. The next one begins what may be a column of its own.
            " " if style.ground.is_none() => match runs.last() {
                Some(run) if run.shape == Shape::Text && run.style == style && !run.text.ends_with(' ') => {
                    Shape::Text
                }
                _ => Shape::Nothing,
            },
            "█" => Shape::Bar(100),
            "░" => Shape::Bar(40),
            "─" => Shape::Across,
            "│" => Shape::Down,
            "┌" => Shape::Corner,
            _ => Shape::Text,
        };
        let columns = if cell.is_wide() { 2 } else { 1 };
        match runs.last_mut() {
            Some(run) if run.shape == shape && run.style == style => {
                run.columns += columns;
                run.text += letter;
            }
            _ => runs.push(Run { column, columns, text: letter.to_owned(), shape, style }),
        }
    }
    runs
}

impl Run {
    fn draw(&self, out: &mut String, row: u16) -> fmt::Result {
        let (x, y) = (MARGIN + f64::from(self.column) * WIDTH, MARGIN + f64::from(row) * HEIGHT);
        let (center, middle) = (x + WIDTH / 2.0, y + HEIGHT / 2.0);
        let (width, ink) = (f64::from(self.columns) * WIDTH, &self.style.ink);
        if let Some(ground) = &self.style.ground {
            rectangle(out, [x, y, width, HEIGHT], ground, 100)?;
        }
        match self.shape {
            Shape::Nothing => Ok(()),
            Shape::Text => self.draw_text(out, x, y),
            Shape::Bar(opacity) => rectangle(out, [x, y + 3.0, width, HEIGHT - 6.0], ink, opacity),
            Shape::Across => rectangle(out, [x, middle, width, 1.0], ink, 100),
            Shape::Down => rectangle(out, [center, y, 1.0, HEIGHT], ink, 100),
            Shape::Corner => {
                rectangle(out, [center, middle, WIDTH / 2.0, 1.0], ink, 100)?;
                rectangle(out, [center, middle, 1.0, HEIGHT / 2.0], ink, 100)
            }
        }
    }

    fn draw_text(&self, out: &mut String, x: f64, y: f64) -> fmt::Result {
        // Other spaces are more than one byte, and are a part of the text.
        let text = self.text.trim_end_matches(' ');
        if text.is_empty() {
            return Ok(());
        }
        let columns = usize::from(self.columns) - (self.text.len() - text.len());
        // Any font takes as much room as the terminal's.
        let (y, length) = (y + 13.5, columns as f64 * WIDTH);
        write!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\"")?;
        let style = &self.style;
        if style.ink != INK {
            write!(out, " fill=\"{}\"", style.ink)?;
        }
        let attributes = [
            (style.is_bold, " font-weight=\"bold\""),
            (style.is_dim, " opacity=\"0.6\""),
            (style.is_italic, " font-style=\"italic\""),
            (style.is_underlined, " text-decoration=\"underline\""),
        ];
        out.extend(attributes.iter().filter(|(has, _)| *has).map(|(_, attribute)| *attribute));
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        writeln!(out, ">{text}</text>")
    }
}

fn rectangle(out: &mut String, [x, y, width, height]: [f64; 4], color: &str, opacity: u32) -> fmt::Result {
    write!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\""
    )?;
    if opacity < 100 {
        write!(out, " opacity=\"0.{opacity}\"")?;
    }
    out.push_str("/>\n");
    Ok(())
}
