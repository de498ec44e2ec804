//! Finds the requests that come as events, which the supplement lists by event type.

use serde_json::Value;

use crate::Error;
use crate::model::{EventRequest, Model, Ty};
use crate::read::Source;

/// The key of the request's id in the event, in the event that completes it, and in the params of the answering call.
pub const ID: &str = "requestId";
const KEYS: &[&str] = &["completedBy", "answeredBy", "response", "x-since", "x-until"];

/// Returns the event requests of the supplement, each with the response type according to the schemas.
pub fn find(source: &Source, model: &Model, problems: &mut Vec<Error>) -> Vec<EventRequest> {
    let requests = source.event_requests.iter();
    let requests = requests.filter_map(|(name, entry)| match request(model, name, entry) {
        Ok(request) => Some(request),
        Err(problem) => {
            problems.push(problem);
            None
        }
    });
    requests.collect()
}

fn request(model: &Model, name: &str, entry: &Value) -> Result<EventRequest, Error> {
    let wrong = |problem: String| Error::shape(format!("supplement: eventRequests: {name}"), problem);
    let mut keys = entry.as_object().into_iter().flat_map(|entry| entry.keys());
    if let Some(key) = keys.find(|key| !KEYS.contains(&key.as_str())) {
        return Err(wrong(format!("unknown key `{key}`")));
    }
    let text = |key: &str| entry[key].as_str().ok_or_else(|| wrong(format!("no `{key}`")));
    let with_id = |what: &str, ty: &Ty| match model.record(ty) {
        Some(record) if record.field(ID).is_some() => Ok(()),
        _ => Err(wrong(format!("{what} has no `{ID}`"))),
    };
    let data = |name: &str| {
        let event =
            model.events.get(name).ok_or_else(|| wrong(format!("the schemas have no event {name}")))?;
        with_id(name, &event.data).map(|()| event.data.clone())
    };
    let (completed_by, answered_by) = (text("completedBy")?, text("answeredBy")?);
    data(completed_by)?;
    let method = model
        .methods
        .get(answered_by)
        .ok_or_else(|| wrong(format!("the schemas have no method {answered_by}")))?;
    with_id(answered_by, &method.params)?;
    let response = match entry.get("response").and_then(Value::as_str) {
        Some(key) => {
            let field = model
                .record(&method.params)
                .and_then(|params| params.field(key))
                .ok_or_else(|| wrong(format!("{answered_by} has no `{key}`")))?;
            Some((key.to_owned(), field.ty.clone()))
        }
        None => None,
    };
    let (completed_by, answered_by) = (completed_by.to_owned(), answered_by.to_owned());
    Ok(EventRequest { name: name.to_owned(), data: data(name)?, completed_by, answered_by, response })
}
