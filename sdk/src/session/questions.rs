//! Questions of the program to the user: forms with one field.

use crate::error::Error;
use crate::session::Session;
use crate::types::{
    UiElicitationFieldValue as Value, UiElicitationRequest, UiElicitationResponseAction as Action,
    UiElicitationSchema, UiElicitationSchemaProperty as Field, UiElicitationSchemaPropertyBoolean,
    UiElicitationSchemaPropertyString, UiElicitationStringEnumField,
};
use crate::wire::DecodeError;

const METHOD: &str = "session.ui.elicitation";
/// The key of the only field.
const FIELD: &str = "answer";

impl Session {
    /// Asks the user a yes-or-no question (`session.ui.elicitation`). Returns true only for a yes, and false if the
    /// user says no, declines to answer or closes the form. The question is shown as by [`elicit`](Self::elicit),
    /// without a timeout.
    ///
    /// # Errors
    /// [`Error::Decode`] if the form comes back with something else; otherwise as [`elicit`](Self::elicit).
    pub async fn confirm(&self, question: impl Into<String>) -> Result<bool, Error> {
        let field = Field::Boolean(UiElicitationSchemaPropertyBoolean::default());
        match self.ask(question.into(), field).await? {
            None => Ok(false),
            Some(Value::Flag(yes)) => Ok(yes),
            Some(_) => Err(self.no_answer("true or false", "something else")),
        }
    }

    /// Asks the user to choose one of these options (`session.ui.elicitation`), and returns it; none if the user
    /// declines to answer or closes the form. The question is shown as by [`elicit`](Self::elicit), without a timeout.
    ///
    /// # Errors
    /// [`Error::Invalid`] without an option; [`Error::Decode`] if the form comes back with something else than one of
    /// them; otherwise as [`elicit`](Self::elicit).
    pub async fn select(
        &self,
        question: impl Into<String>,
        options: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Option<String>, Error> {
        let options: Vec<String> = options.into_iter().map(Into::into).collect();
        if options.is_empty() {
            return Err(Error::Invalid("a question needs an option to select".to_owned()));
        }
        let field = Field::StringEnumField(UiElicitationStringEnumField::new(options.clone()));
        match self.ask(question.into(), field).await? {
            None => Ok(None),
            Some(Value::Text(option)) if options.contains(&option) => Ok(Some(option)),
            Some(_) => Err(self.no_answer("one of the options", "something else")),
        }
    }

    /// Asks the user for a line of text (`session.ui.elicitation`), and returns it, which may be empty; none if the
    /// user declines to answer or closes the form. The question is shown as by [`elicit`](Self::elicit), without a
    /// timeout. Do not ask for a secret: the other clients of the session receive the text as well.
    ///
    /// # Errors
    /// [`Error::Decode`] if the form comes back with something else; otherwise as [`elicit`](Self::elicit).
    pub async fn input(&self, question: impl Into<String>) -> Result<Option<String>, Error> {
        let field = Field::String(UiElicitationSchemaPropertyString::default());
        match self.ask(question.into(), field).await? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.no_answer("text", "something else")),
        }
    }

    /// Shows a form with this field and returns its value; none if the user declined to answer or closed it.
    async fn ask(&self, question: String, field: Field) -> Result<Option<Value>, Error> {
        let properties = [(FIELD.to_owned(), field)].into();
        let schema = UiElicitationSchema::new(properties).required(vec![FIELD.to_owned()]);
        let response = self.elicit(&UiElicitationRequest::new(question, schema)).await?;
        match response.action {
            Action::Accept => {}
            Action::Decline | Action::Cancel => return Ok(None),
            Action::Unrecognized(_) => {
                let error = DecodeError::new("accept, decline or cancel", "another action");
                return Err(self.not_a_response(error.in_field("action")));
            }
        }
        let value = response.content.and_then(|mut content| content.remove(FIELD));
        value.map_or_else(|| Err(self.no_answer("an answer", "none")), |value| Ok(Some(value)))
    }

    /// The error for a form that came back with another answer.
    fn no_answer(&self, expected: &str, found: &str) -> Error {
        self.not_a_response(DecodeError::new(expected, found).in_field(FIELD).in_field("content"))
    }

    fn not_a_response(&self, error: DecodeError) -> Error {
        Error::decode(METHOD, error, Some(self.state().version()))
    }
}
