//! The envelope of an event: what every event has besides its data.

use crate::wire::DecodeError;
use crate::wire::scan::{Invalid, Raw, Scanner, first_string, is_plain_fixed, object_length};

/// The keys of an event, in the order in which the CLI writes them.
const KEYS: [&str; 7] = ["type", "data", "ephemeral", "id", "timestamp", "parentId", "agentId"];

/// The length of the ids that the CLI makes.
const ID: usize = "00000000-0000-0000-0000-000000000000".len();

/// The length of its times.
const TIME: usize = "2026-01-01T00:00:00.000Z".len();

/// The parts of an event in the text that it was found in.
#[derive(Default)]
pub(crate) struct Envelope<'a> {
    pub text: &'a str,
    pub kind: Option<Raw<'a>>,
    pub id: Option<Raw<'a>>,
    pub timestamp: Option<Raw<'a>>,
    pub parent_id: Option<Raw<'a>>,
    pub agent_id: Option<Raw<'a>>,
    pub is_ephemeral: bool,
    pub data: Option<&'a str>,
    /// True if the text is JSON, and the data one of its values.
    pub is_checked: bool,
}

impl<'a> Envelope<'a> {
    /// Reads an object. The last of several equal keys counts.
    pub fn read(scanner: &mut Scanner<'a>) -> Result<Self, Invalid> {
        let mut found = Self { is_checked: true, ..Self::default() };
        found.text = scanner.object(&KEYS, |scanner, index| {
            match index {
                0 => found.kind = scanner.string_or_skip()?,
                1 => found.data = Some(scanner.skip()?),
                2 => found.is_ephemeral = scanner.skip()? == "true",
                3 => found.id = scanner.string_or_skip()?,
                4 => found.timestamp = scanner.string_or_skip()?,
                5 => found.parent_id = scanner.string_or_skip()?,
                _ => found.agent_id = scanner.string_or_skip()?,
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads a text that is an object.
    pub fn parse(json: &'a str) -> Result<Self, DecodeError> {
        let mut scanner = Scanner::new(json);
        let read = Self::read(&mut scanner).and_then(|event| scanner.end().map(|()| event));
        read.map_err(|error| error.expected("a JSON object"))
    }

    /// Reads an object in the form that the CLI gives the events of a history. Where its data ends is known from the
    /// brackets; the data is not checked. An object of another form is left to [`read`](Self::read).
    pub fn usual_item(scanner: &mut Scanner<'a>) -> Option<Self> {
        let text = scanner.rest();
        let (kind, rest) = first_string(text, r#"{"type":""#)?;
        let rest = rest.strip_prefix(r#","data":"#)?;
        let (data, rest) = rest.split_at_checked(object_length(rest)?)?;
        let (id, rest) = first_string(rest, r#","id":""#)?;
        let (timestamp, rest) = first_string(rest, r#","timestamp":""#)?;
        let (parent_id, rest) = match rest.strip_prefix(r#","parentId":null"#) {
            Some(rest) => (None, rest),
            None => first_string(rest, r#","parentId":""#).map(|(id, rest)| (Some(id), rest))?,
        };
        Some(Self {
            text: scanner.pass_to(rest.strip_prefix('}')?),
            kind: Some(Raw::plain(kind)),
            id: Some(Raw::plain(id)),
            timestamp: Some(Raw::plain(timestamp)),
            parent_id: parent_id.map(Raw::plain),
            data: Some(data),
            ..Self::default()
        })
    }

    /// Splits the params of an event in one of the forms that CLIs of known versions give most of them into the id of
    /// the session and the event. The data is not looked at, however large it is: what stands between the members
    /// before and behind it need not be one value.
    //
    // If the text is JSON, these members belong to the event: three brackets end the event, the params and the message,
    // and no string contains a quote without a backslash.
    pub fn usual(params: &'a str) -> Option<(&'a str, Self)> {
        let (session, rest) = first_string(params, r#"{"sessionId":""#)?;
        let text = rest.strip_prefix(r#","event":"#)?.strip_suffix('}')?;
        let (kind, rest) = first_string(text, r#"{"type":""#)?;
        // The CLI writes this member in three places.
        let mut is_ephemeral = false;
        let mut without = |rest: Option<&'a str>| {
            is_ephemeral |= rest.is_some();
            rest
        };
        let rest = without(rest.strip_prefix(EPHEMERAL)).unwrap_or(rest);
        let rest = rest.strip_prefix(r#","data":"#)?.strip_suffix('}')?;
        let rest = without(rest.strip_suffix(EPHEMERAL)).unwrap_or(rest);
        let (rest, parent_id) = match rest.strip_suffix(r#","parentId":null"#) {
            Some(rest) => (rest, None),
            None => last_string::<ID>(rest, r#","parentId":""#).map(|(rest, id)| (rest, Some(id)))?,
        };
        let (rest, timestamp) = last_string::<TIME>(rest, r#","timestamp":""#)?;
        let (rest, id) = last_string::<ID>(rest, r#","id":""#)?;
        let data = without(rest.strip_suffix(EPHEMERAL)).unwrap_or(rest);
        // The data is an object. Otherwise another member follows it, such as the `agentId` of a sub-agent.
        if !data.ends_with('}') {
            return None;
        }
        let event = Self {
            text,
            kind: Some(Raw::plain(kind)),
            id: Some(Raw::plain(id)),
            timestamp: Some(Raw::plain(timestamp)),
            parent_id: parent_id.map(Raw::plain),
            agent_id: None,
            is_ephemeral,
            data: Some(data),
            is_checked: false,
        };
        Some((session, event))
    }
}

const EPHEMERAL: &str = r#","ephemeral":true"#;

/// Splits a text that ends with a key and a string of this length into the text before the key and the string.
fn last_string<'a, const LENGTH: usize>(text: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let text = text.strip_suffix('"')?;
    let (rest, string) = text.split_at_checked(text.len().checked_sub(LENGTH)?)?;
    let rest = rest.strip_suffix(key)?;
    is_plain_fixed::<LENGTH>(text.as_bytes().last_chunk()?).then_some((rest, string))
}

#[cfg(test)]
mod tests {
    use super::{EPHEMERAL, Envelope};
    use crate::events::SessionEvent;
    use crate::wire::scan::{Raw, Scanner};
    use crate::wire::shared::Text;

    const ID: &str = "482a8520-a920-4b1b-89d5-cc4d4c8df425";

    fn tail(parent: &str) -> String {
        format!(r#","id":"{ID}","timestamp":"2026-11-22T06:51:07.596Z","parentId":{parent}}}}}"#)
    }

    fn parts(event: &Envelope<'_>) -> [String; 8] {
        let text = |raw: Option<Raw<'_>>| raw.map_or_else(String::new, |raw| raw.text().into_owned());
        [
            event.text.to_owned(),
            text(event.kind),
            text(event.id),
            text(event.timestamp),
            text(event.parent_id),
            text(event.agent_id),
            event.is_ephemeral.to_string(),
            event.data.unwrap_or_default().to_owned(),
        ]
    }

    #[test]
    fn the_usual_form_is_read_like_any_other() {
        let parent = format!("\"{ID}\"");
        for data in ["{}", r#"{"a":{"id":"x"},"b":"\",\"id\":\"}}}"}"#, r#"{"a":[{"ephemeral":true}]}"#] {
            for at in 0..4 {
                for parent in ["null", &parent] {
                    let [first, second, third] =
                        [0, 1, 2].map(|place| if at == place { EPHEMERAL } else { "" });
                    let parent = format!("{parent}{third}");
                    let event = format!(r#"{{"type":"a.b"{first},"data":{data}{second}{}"#, tail(&parent));
                    let params = format!(r#"{{"sessionId":"s","event":{event}"#);
                    let (session, usual) = Envelope::usual(&params).expect("the usual form");
                    let read = Envelope::parse(&event[..event.len() - 1]).expect("an event");
                    assert_eq!((session, parts(&usual)), ("s", parts(&read)));
                }
            }
        }
    }

    #[test]
    fn other_forms_are_left_alone() {
        let (whole, null) = (tail(&format!("\"{ID}\"")), tail("null"));
        let start = r#"{"sessionId":"s","event":{"type":"a.b","data":"#;
        assert!(Envelope::usual(&format!("{start}{{}}{whole}")).is_some());
        for other in [
            format!(r#"{{"sessionId":"s\n","event":{{"type":"a","data":{{}}{null}"#),
            format!(r#"{{"sessionId":"s","event":{{"data":{{}},"type":"a"{null}"#),
            format!(r#"{{"sessionId":"s","event":{{"type":"\u0061","data":{{}}{null}"#),
            format!("{start}{{}}{whole} "),
            format!("{start}{{}}{}", whole.replace("}}", r#","agentId":"x"}}"#)),
            format!("{start}{{}}{}", whole.replace("}}", r#"},"more":1}"#)),
            format!("{start}{{}}{}", whole.replace("4b1b", "4b1")),
            format!("{start}{{}}{}", whole.replace("4b1b", "\\u00")),
            format!("{start}{{}}{}", whole.replace("\"id\"", "\"ID\"")),
        ] {
            assert!(Envelope::usual(&other).is_none(), "{other}");
        }
    }

    /// The CLI writes the `agentId` of a sub-agent between the data and the id.
    #[test]
    fn an_event_of_a_sub_agent_takes_the_long_way() {
        let event = |member: &str| {
            format!(r#"{{"sessionId":"s","event":{{"type":"x","data":{{"a":1}}{member}{}"#, tail("null"))
        };
        assert!(Envelope::usual(&event("")).is_some());
        assert!(Envelope::usual(&event(r#","agentId":"helper""#)).is_none());
    }

    #[test]
    fn an_item_of_the_usual_form_is_read_like_any_other() {
        let parent = format!("\"{ID}\"");
        for data in ["{}", r#"{"a":"}\"]}\\","b":[[{}],{"c":"\\\\"}]}"#, r#"{"data":{"id":"x"}}"#] {
            for parent in ["null", &parent] {
                let tail = tail(parent);
                let event = format!(r#"{{"type":"a.b","data":{data}{}"#, &tail[..tail.len() - 1]);
                let list = format!("{event},5]");
                let mut scanner = Scanner::new(&list);
                let usual = Envelope::usual_item(&mut scanner).expect("the usual form");
                assert_eq!(parts(&usual), parts(&Envelope::parse(&event).expect("an event")));
                assert_eq!(scanner.rest(), ",5]");
                for end in 0..event.len() {
                    assert!(Envelope::usual_item(&mut Scanner::new(&event[..end])).is_none(), "up to {end}");
                }
            }
        }
        for data in ["5", "[]", r#""{}""#, "null", "{}}", r#"{},"agentId":"x""#, " {}"] {
            let event = format!(r#"{{"type":"a.b","data":{data}{}"#, tail("null"));
            let mut scanner = Scanner::new(&event);
            assert!(Envelope::usual_item(&mut scanner).is_none() && scanner.rest() == event, "{event}");
        }
    }

    #[test]
    fn data_in_a_list_that_is_no_json_spoils_no_other_event() {
        let event = |data: &str| format!(r#"{{"type":"a","data":{data}{}"#, tail("null").replace("}}", "}"));
        let list = format!(r#"{{"events":[{},{}]}}"#, event("{x]"), event(r#"{"b":1}"#));
        let events = SessionEvent::list(&Text::from(&*list), &["events"]).expect("a list");
        let raw: Vec<_> = events.iter().map(SessionEvent::raw).collect();
        assert_eq!(raw, [event("null"), event(r#"{"b":1}"#)]);
        for broken in
            [format!("{list}}}"), format!("{list},1"), list.replace("},{", "}{"), list.replace("]}", "}")]
        {
            SessionEvent::list(&Text::from(&*broken), &["events"]).expect_err(&broken);
        }
    }
}
