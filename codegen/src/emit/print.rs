//! Prints items as source text: prettyplease formats Rust, and the tables are printed here, since it fills the lines of
//! a macro's arguments with as many rows as fit. With a row a line, a new key in the schema is a new line of a table.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::{Attribute, File, Item};

/// The items between which there is no blank line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The imports and modules of a file.
    Use,
    /// A constant without docs.
    Constant,
    /// A macro call, which belongs to the item before it.
    Table,
    Other,
}

/// Formats the tokens as source text.
pub fn print(tokens: TokenStream) -> String {
    // The emitters write whole items; anything else is a bug of this crate, which its tests catch.
    let File { attrs, items, .. } =
        syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("emitted invalid Rust: {error}\n{tokens}"));
    let mut text = formatted(attrs, Vec::new());
    let mut last = None;
    for item in items {
        let kind = kind(&item);
        let belongs = match kind {
            Kind::Table => last != Some(Kind::Use),
            Kind::Other => false,
            _ => last == Some(kind),
        };
        if !text.is_empty() && !belongs {
            text.push('\n');
        }
        text += &match &item {
            Item::Macro(call) => table(&call.mac),
            _ => formatted(Vec::new(), vec![item]),
        };
        last = Some(kind);
    }
    text
}

fn kind(item: &Item) -> Kind {
    match item {
        Item::Use(_) | Item::Mod(_) => Kind::Use,
        Item::Const(item) if item.attrs.is_empty() => Kind::Constant,
        Item::Macro(_) => Kind::Table,
        _ => Kind::Other,
    }
}

fn formatted(attrs: Vec<Attribute>, items: Vec<Item>) -> String {
    prettyplease::unparse(&File { shebang: None, attrs, items })
}

/// A macro call whose braces hold a table, with each row on a line of its own.
fn table(call: &syn::Macro) -> String {
    let mut text = format!("{}!(", source(&call.path));
    for (index, token) in call.tokens.clone().into_iter().enumerate() {
        let opens = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
        let space = if index == 0 || opens { "" } else { " " };
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                text += &format!("{space}{{");
                let rows = rows(group.stream());
                rows.iter().for_each(|row| text += &format!("\n    {row},"));
                text += if rows.is_empty() { "}" } else { "\n}" };
            }
            _ => text += &format!("{space}{}", line(TokenStream::from(token))),
        }
    }
    text + ");\n"
}

fn source(path: &syn::Path) -> String {
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    names.join("::")
}

/// The parts of the tokens between commas, except for those between the parameters of a type.
fn rows(tokens: TokenStream) -> Vec<String> {
    let (mut rows, mut row, mut depth) = (Vec::new(), Vec::new(), 0_i32);
    for token in tokens {
        let mark = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match mark {
            ',' if depth == 0 => {
                rows.push(line(row.drain(..).collect()));
                continue;
            }
            '<' => depth += 1,
            // The arrow of a function has one, too.
            '>' => depth = (depth - 1).max(0),
            _ => {}
        }
        row.push(token);
    }
    rows.extend((!row.is_empty()).then(|| line(row.into_iter().collect())));
    rows
}

/// The tokens on one line, with spaces as rustfmt sets them between names, strings and lists.
fn line(tokens: TokenStream) -> String {
    let (mut text, mut joined) = (String::new(), true);
    for token in tokens {
        let part = match &token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", line(group.stream()))
            }
            other => other.to_string(),
        };
        let opens = matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
            && !text.ends_with('>');
        if !joined && !opens && !matches!(part.as_str(), "," | ":" | "<" | ">") {
            text.push(' ');
        }
        joined = match &token {
            TokenTree::Punct(punct) => {
                punct.spacing() == Spacing::Joint || matches!(punct.as_char(), '<') || text.ends_with(':')
            }
            _ => false,
        };
        text += &part;
    }
    text
}
