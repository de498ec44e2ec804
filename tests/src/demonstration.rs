//! A scripted model for demonstrations. It answers any prompt, so that a program can be tried without a login.

mod filled;

use std::cmp::Ordering;
use std::time::Duration;

use copilot_session_model::{ModelRequest, Reply, Script};
use serde_json::{Value, json};

/// A script without an end: it calls tools that ask for permission, asks questions and writes Markdown, depending on
/// words of the prompt. It pauses before each piece of an answer.
pub fn demonstration(pace: Duration) -> Script {
    Script::from_fn(move |request| {
        let scene = Scene::of(request);
        if scene.fails() {
            return Reply::error(400, "the scripted model fails, as the prompt says").not_retried();
        }
        scene.reply().paced(pace)
    })
}

/// One request of the CLI, as far as the demonstration depends on it.
struct Scene<'a> {
    request: &'a ModelRequest,
    /// The user's last text, without what the CLI adds in tags.
    prompt: String,
    /// The results of the tools that were called since.
    results: Vec<String>,
}

impl<'a> Scene<'a> {
    fn of(request: &'a ModelRequest) -> Self {
        let words = |message: &Value| {
            let content = &message["content"];
            let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
            without_tags(&content.as_str().into_iter().chain(parts).collect::<String>())
        };
        // The CLI also writes messages in the name of the user, such as after a plan, which are all in tags.
        let is_user = |message: &Value| message["role"] == "user" && !words(message).trim().is_empty();
        let place = request.messages().iter().rposition(is_user);
        let prompt = place.map(|place| words(&request.messages()[place])).unwrap_or_default();
        let earlier = place.unwrap_or_default();
        let is_tool = |message: &&Value| message["role"] == "tool";
        let before = request.messages()[..earlier].iter().filter(is_tool).count();
        let results = request.tool_results().into_iter().skip(before).map(|(_, text)| text).collect();
        Self { request, prompt, results }
    }

    /// Returns true if the user asks for a failure. A long text, such as a diff, only has the word by chance.
    fn fails(&self) -> bool {
        self.format().is_none() && self.says(&["fail"])
    }

    /// The schema that the answer must have.
    fn format(&self) -> Option<&'a Value> {
        let schema = &self.request.body()["response_format"]["json_schema"]["schema"];
        schema.is_object().then_some(schema)
    }

    /// The answer of the model.
    fn reply(&self) -> Reply {
        if let Some(format) = self.format() {
            return Reply::text(&filled::fill(format, &self.prompt).to_string());
        }
        if let Some(reply) = self.own_tool() {
            return reply;
        }
        if self.says(&["story"]) {
            Reply::reasoning("A fox would be nice. ").then_text(STORY)
        } else if self.says(&["plan"]) {
            self.plan()
        } else if self.says(&["to-do"]) {
            self.steps(to_dos(), ALL_DONE.to_owned())
        } else if self.says(&["delete", "remove"]) {
            self.one_step("I clean up. ", self.shell("rm notes.txt", "Delete the notes"))
        } else if self.says(&["write", "create"]) {
            let file = json!({ "path": "TODO.md", "file_text": "# To do\n\n* Buy an umbrella.\n" });
            self.one_step("I write a file. ", Some(Reply::tool_call("create", file)))
        } else if self.says(&["ask", "question"]) {
            self.one_step("I need to know one thing. ", self.question())
        } else if self.says(&["agent"]) {
            let task = json!({
                "agent_type": "explore", "description": "Look at the files", "name": "explorer", "mode": "sync",
                "prompt": "Tell a story about these files.",
            });
            self.one_step("Another agent can do that. ", Some(Reply::tool_call("task", task)))
        } else {
            self.tour()
        }
    }

    /// A tour for a prompt without any of the words: a command, a question, and an answer in Markdown.
    fn tour(&self) -> Reply {
        let steps = [
            ("Let me look at the files first. ", self.shell("ls", "List the files")),
            ("One question before I go on. ", self.question()),
        ];
        let steps = steps.into_iter().filter_map(|(before, step)| Some((before, step?)));
        self.steps(steps, format!("{TOUR}\n{}", self.shown_results()))
    }

    /// A step, and then the end.
    fn one_step(&self, before: &str, step: Option<Reply>) -> Reply {
        self.steps(step.map(|step| (before, step)), format!("Done.\n\n{}", self.shown_results()))
    }

    /// The next of these steps, each with what the model says before it, or else the end.
    fn steps<'s>(&self, steps: impl IntoIterator<Item = (&'s str, Reply)>, end: String) -> Reply {
        match steps.into_iter().nth(self.results.len()) {
            Some((before, step)) => Reply::text(before).followed_by(step),
            // An agent that goes on by itself ends by a call.
            None if self.is_on_autopilot() => Reply::tool_call("task_complete", json!({ "summary": end })),
            None => Reply::text(&end),
        }
    }

    /// Returns true if the agent goes on by itself until it says that it has ended, as the last notice of the CLI says.
    fn is_on_autopilot(&self) -> bool {
        let users = self.request.messages().iter().filter(|message| message["role"] == "user");
        let mut notices = users.map(Value::to_string).filter(|text| text.contains("<mode_changed_notice>"));
        notices.next_back().is_some_and(|text| text.contains("<autopilot_mode>"))
    }

    /// A call of a tool of the program itself that the prompt names.
    fn own_tool(&self) -> Option<Reply> {
        let tools = self.request.body()["tools"].as_array()?;
        let names =
            |name: &str| self.prompt.split(|letter: char| !is_of_name(letter)).any(|word| word == name);
        let tool = tools.iter().map(|tool| &tool["function"]).find(|tool| {
            let name = tool["name"].as_str().unwrap_or_default();
            names(name) && !BUILT_IN.contains(&name)
        })?;
        let name = tool["name"].as_str()?;
        let call = Reply::tool_call(name, filled::fill(&tool["parameters"], &self.prompt));
        Some(self.one_step(&format!("I call {name}. "), Some(call)))
    }

    /// A question to the user, if the program answers questions.
    fn question(&self) -> Option<Reply> {
        let choices = ["A short one", "A long one", "None"];
        self.offers("ask_user").then(|| {
            let question = json!({ "question": "What kind of summary do you want?", "choices": choices });
            Reply::tool_call("ask_user", question)
        })
    }

    /// A plan for the user to decide on, and if it is accepted the work on it.
    fn plan(&self) -> Reply {
        if !self.offers("exit_plan_mode") {
            return Reply::text(NO_PLANS);
        }
        if self.results.first().is_some_and(|decision| decision.contains("not approved")) {
            return Reply::text("Then I plan again. Tell me what the **plan** should be.\n");
        }
        let plan = json!({ "summary": PLAN, "actions": ["interactive"], "recommendedAction": "interactive" });
        let plan = ("I have a plan. ", Reply::tool_call("exit_plan_mode", plan));
        self.steps(std::iter::once(plan).chain(to_dos()), ALL_DONE.to_owned())
    }

    fn shell(&self, command: &str, description: &str) -> Option<Reply> {
        let shell = ["bash", "powershell"].into_iter().find(|name| self.offers(name))?;
        Some(Reply::tool_call(shell, json!({ "command": command, "description": description })))
    }

    fn says(&self, words: &[&str]) -> bool {
        let prompt = self.prompt.to_lowercase();
        // At the start of a word: "explain" asks for no plan.
        let mut said = prompt.split(|char: char| !char.is_alphanumeric() && char != '-');
        said.any(|said| words.iter().any(|word| said.starts_with(word)))
    }

    fn offers(&self, tool: &str) -> bool {
        self.request.tool_names().iter().any(|name| name == tool)
    }

    /// The results of this turn's tools, as a list in Markdown.
    fn shown_results(&self) -> String {
        let first_line = |text: &String| format!("* `{}`\n", text.lines().next().unwrap_or_default());
        match self.results.is_empty() {
            true => String::new(),
            false => {
                format!("The tools said:\n\n{}", self.results.iter().map(first_line).collect::<String>())
            }
        }
    }
}

/// A list of what is to do, and its changes.
fn to_dos() -> impl Iterator<Item = (&'static str, Reply)> {
    let said =
        ["I note what is to do. ", "The first thing is done. ", "So is the second. ", "And the last. "];
    said.into_iter().enumerate().map(|(done, said)| {
        let rows = TO_DO.iter().enumerate().map(|(at, title)| {
            let status = match at.cmp(&done) {
                Ordering::Less => "done",
                Ordering::Equal => "in_progress",
                Ordering::Greater => "pending",
            };
            format!("('{at}', '{title}', '', '{status}')")
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        let query = format!("INSERT OR REPLACE INTO todos (id, title, description, status) VALUES {rows}");
        (said, Reply::tool_call("sql", json!({ "query": query, "description": "Note what is to do" })))
    })
}

/// The text outside of `<tag>…</tag>`.
fn without_tags(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        kept += before;
        let end = after.split_once('>').and_then(|(name, inner)| {
            let close = format!("</{name}>");
            Some(&inner[inner.find(&close)? + close.len()..])
        });
        rest = end.unwrap_or_else(|| {
            kept.push('<');
            after
        });
    }
    kept + rest
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_-".contains(letter)
}

/// Tools of the CLI whose names are words of a usual prompt.
const BUILT_IN: [&str; 9] = ["bash", "create", "edit", "glob", "grep", "powershell", "skill", "task", "view"];

const TO_DO: [&str; 3] = ["Look at the files", "Write a summary", "Read it again"];

const ALL_DONE: &str = "All of it is done.\n";

const PLAN: &str = "1. **Look** at the files.\n2. Write a summary.\n3. Read it again.\n";

const NO_PLANS: &str = "I only plan in plan mode, which shift-tab begins in the chat.\n";

const STORY: &str = "Once upon a time, a fox lived at the edge of a wood. It was a **scripted** fox: every evening it \
said the same words, and every evening the owl was surprised by them. \"You will not believe it,\" said the fox, \"but \
tomorrow I shall say this again.\" The owl did not believe it. So they sat together until the moon was up, and went to \
bed content.\n";

const TOUR: &str = "## A scripted answer\n\nNo model reads your prompt here: a script answers it, and everything else \
is the real CLI. Say one of these words to see more:\n\n\
| word | what happens |\n|---|---|\n\
| **story** | a longer text |\n\
| **write** | a file, with your permission |\n\
| **delete** | a command, with your permission |\n\
| **ask** | a question to you |\n\
| **agent** | a sub-agent |\n\
| **to-do** | a list of what is to do |\n\
| **plan** | a plan to decide on, in plan mode |\n\
| **fail** | an error |\n\n\
```rust\nlet answer = session.send_and_wait(\"Tell me a story.\").await?;\n```\n";
