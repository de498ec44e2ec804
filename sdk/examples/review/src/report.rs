//! Findings, and how they are shown.

use std::time::Duration;

use anstream::println;
use anstyle::{AnsiColor, Style};
use copilot_session::{Error, printable};
use serde_json::json;

use crate::Failure;
use crate::agent::Outcome;

/// The most characters of an answer that an error has.
const MAX_ANSWER: usize = 500;

/// A review: the form of the model's answer.
#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The change in a sentence or two.
    pub summary: String,
    /// The faults of the change, the worst first; empty if there are none.
    pub findings: Vec<Finding>,
}

/// A fault of the change.
#[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The path of the file, relative to the repository.
    pub file: String,
    /// The line in the new version of the file.
    pub line: Option<u64>,
    pub severity: Severity,
    /// The fault in one line.
    pub title: String,
    /// When it happens, and what happens then.
    pub explanation: String,
    /// A correction.
    pub suggestion: Option<String>,
}

/// The severity of a finding, the least first.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    clap::ValueEnum,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Should be corrected.
    Warning,
    /// Must be corrected before the change is merged.
    Error,
}

impl Severity {
    /// The word and its style in a terminal.
    fn shown(self) -> (&'static str, Style) {
        match self {
            Self::Note => ("note", AnsiColor::Cyan.on_default()),
            Self::Warning => ("warning", AnsiColor::Yellow.on_default()),
            Self::Error => ("error", AnsiColor::Red.on_default()),
        }
    }
}

/// Text of the model on one line, safe for a terminal and for CI: GitHub's runner takes `##[` for a command anywhere.
pub fn line(text: &str) -> String {
    printable(text).replace("##[", "## [")
}

/// Text of the model in lines that are safe for a terminal and for CI. They begin with a sign, since GitHub's runner takes
/// a line that begins with `::` for a command.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<_> = text.lines().map(|text| format!("| {}", line(text))).collect();
    lines.into_iter()
}

/// Prints the outcome as text, on GitHub with the findings as annotations.
pub fn print(outcome: &Outcome, elapsed: Duration, github: bool) {
    let dim = Style::new().dimmed();
    if let Ok(review) = &outcome.review {
        lines(&review.summary).for_each(|line| println!("{line}"));
        for finding in &review.findings {
            match github {
                true => println!("{}", annotation(finding)),
                false => print_finding(finding),
            }
        }
        println!("\n{}", counted(&review.findings));
    }
    for refused in &outcome.refused {
        println!("{dim}refused: {}{dim:#}", line(refused));
    }
    let usage = outcome.usage;
    println!(
        "{dim}{}, {} tokens in, {} out, {:.1} s{dim:#}",
        count(usage.calls, "model call"),
        usage.input_tokens,
        usage.output_tokens,
        elapsed.as_secs_f64()
    );
}

fn print_finding(finding: &Finding) {
    let (word, style) = finding.severity.shown();
    let number = finding.line.map(|number| format!(":{number}")).unwrap_or_default();
    let place = format!("{}{number}", line(&finding.file));
    println!("\n{style}{word}{style:#} {place}: {}", line(&finding.title));
    lines(&body(finding)).for_each(|line| println!("    {line}"));
}

/// The text below the title of a finding.
fn body(finding: &Finding) -> String {
    let suggestion = finding.suggestion.as_ref().map(|text| format!("\nSuggestion: {text}"));
    format!("{}{}", finding.explanation.trim_end(), suggestion.unwrap_or_default())
}

/// A finding as a command of a GitHub workflow, which shows it beside the line of the file.
fn annotation(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let (file, title) = (property(&finding.file), property(&finding.title));
    let number = finding.line.map(|number| format!(",line={number}")).unwrap_or_default();
    let text = body(finding).lines().map(line).collect::<Vec<_>>().join("\n");
    format!("::{level} file={file}{number},title={title}::{}", data(&text))
}

/// Text of a command, as GitHub's runner reads it: one line, whatever is in it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(&line(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The number of findings of each severity, the worst first.
fn counted(findings: &[Finding]) -> String {
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let number = findings.iter().filter(|finding| finding.severity == severity).count();
        (number > 0).then(|| count(number as u64, severity.shown().0))
    });
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}

/// The outcome as JSON.
pub fn json(outcome: &Outcome, elapsed: Duration) -> Result<String, Failure> {
    let (review, error) = match &outcome.review {
        Ok(review) => (Some(review), None),
        Err(error) => (None, Some(cause(error))),
    };
    let usage = outcome.usage;
    let report = json!({
        "review": review,
        "error": error,
        "refused": outcome.refused,
        "usage": {
            "calls": usage.calls,
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "premiumRequests": usage.cost,
        },
        "seconds": elapsed.as_secs_f64(),
    });
    // Only text has these signs, where an escape means the same.
    Ok(serde_json::to_string_pretty(&report)?.replace("##[", r"##\u005b"))
}

/// The reason why there is no review, with the beginning of an answer in another form.
pub fn cause(error: &Error) -> String {
    match error {
        Error::Answer { answer, .. } => {
            let begin: String = answer.text().chars().take(MAX_ANSWER).collect();
            format!("{error:#}; the model answered: {begin}")
        }
        Error::TurnTimeout(_) => format!("the time is over: {error:#}"),
        _ => format!("{error:#}"),
    }
}

/// A number of things.
fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither a path nor a text of the model ends the command, sets a property of it, or begins another one.
    #[test]
    fn an_annotation_is_one_command() {
        let mut finding = Finding {
            file: "a,line=9::b%0A\n::add-mask::x.py".to_owned(),
            line: Some(2),
            severity: Severity::Note,
            title: "One, two::three\r\n::stop-commands::y ##[group]".to_owned(),
            explanation: "100 %0A\r\n::set-env name=A::b\r::c".to_owned(),
            suggestion: Some("##[error]No: yes, no.".to_owned()),
        };
        let command = [
            r"::notice file=a%2Cline=9%3A%3Ab%250A\n%3A%3Aadd-mask%3A%3Ax.py,line=2,title=One%2C two%3A%3Athree",
            r"\r\n%3A%3Astop-commands%3A%3Ay ## [group]::100 %250A%0A::set-env name=A::b\r::c",
            "%0ASuggestion: ## [error]No: yes, no.",
        ];
        assert_eq!(annotation(&finding), command.concat());
        finding = Finding { file: "a.py".to_owned(), line: None, suggestion: None, ..finding };
        finding.severity = Severity::Error;
        assert!(annotation(&finding).starts_with("::error file=a.py,title=One"), "{}", annotation(&finding));
    }
}
