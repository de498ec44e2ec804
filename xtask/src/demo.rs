//! `cargo xtask demo`: shows an agent turn or an example with a scripted model, a model of the user's own or a login.

mod program;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{cargo, cli};
use program::Program;

const URL_VARIABLE: &str = "COPILOT_DEMO_PROVIDER_URL";
const MODEL_VARIABLE: &str = "COPILOT_DEMO_MODEL";
const KEY_VARIABLE: &str = "COPILOT_DEMO_API_KEY";

#[derive(clap::Args)]
pub struct Args {
    /// The program: `turn`, or an example of the SDK, such as `chat`, `desk`, `review` or `stream`
    #[arg(default_value = "turn")]
    program: String,
    /// Arguments for the example
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
    /// Use the model behind this OpenAI-compatible URL [env: COPILOT_DEMO_PROVIDER_URL]
    #[arg(long, value_name = "URL", conflicts_with = "login")]
    provider_url: Option<String>,
    /// The model to use [env: COPILOT_DEMO_MODEL]
    #[arg(long)]
    model: Option<String>,
    /// The provider's key, which the variable keeps out of your shell's history [env: COPILOT_DEMO_API_KEY]
    #[arg(long, value_name = "KEY", conflicts_with = "login")]
    api_key: Option<String>,
    /// Use your own login to Copilot
    #[arg(long)]
    login: bool,
    /// The Copilot CLI to run [default: the version in schema/VERSION.json, installed if necessary]
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let program = Program::named(&args.program)?;
    let model = Model::of(args, |name| env::var(name).ok().filter(|value| !value.is_empty()))?;
    println!("{} on the real Copilot CLI, with {}.", program.in_words(), model.in_words());
    let chosen = cli::choose(args.cli.as_deref())?;
    println!("Building the SDK and the program, which takes some minutes the first time.");
    let mut command = program.command(&model)?;
    command.args(&args.arguments).env(cli::PATH_VARIABLE, chosen);
    cargo::replace_by(&mut command, "the demo failed")
}

/// The model of the demo.
#[derive(Debug, PartialEq, Eq)]
pub enum Model {
    /// The scripted model on this machine.
    Script,
    /// A model at a URL.
    Provider { url: String, model: String, key: Option<String> },
    /// A model of Copilot.
    Login { model: Option<String> },
}

impl Model {
    /// The model for the arguments. A variable replaces a missing argument.
    fn of(args: &Args, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if args.login {
            return Ok(Self::Login { model: args.model.clone() });
        }
        let or = |argument: &Option<String>, name| argument.clone().or_else(|| variable(name));
        let Some(url) = or(&args.provider_url, URL_VARIABLE) else {
            if args.model.is_some() || args.api_key.is_some() {
                bail!("--model and --api-key need --provider-url (or {URL_VARIABLE}), or --model --login");
            }
            return Ok(Self::Script);
        };
        let Some(model) = or(&args.model, MODEL_VARIABLE) else {
            bail!("the provider needs a model; give --model or {MODEL_VARIABLE}");
        };
        Ok(Self::Provider { url, model, key: or(&args.api_key, KEY_VARIABLE) })
    }

    /// The model in words.
    fn in_words(&self) -> String {
        match self {
            Self::Script => {
                "a scripted model on this machine, which needs no login and always gives the same answers"
                    .to_owned()
            }
            Self::Provider { url, model, .. } => format!("the model {model} at {url}"),
            Self::Login { model: Some(model) } => format!("your own login and the model {model}"),
            Self::Login { model: None } => "your own login".to_owned(),
        }
    }

    /// Passes the model to a program, in the environment, since other users can read command lines.
    fn apply(&self, command: &mut Command) {
        for variable in [URL_VARIABLE, MODEL_VARIABLE, KEY_VARIABLE] {
            command.env_remove(variable);
        }
        match self {
            Self::Script => {}
            Self::Provider { url, model, key } => {
                command.env(URL_VARIABLE, url).env(MODEL_VARIABLE, model);
                if let Some(key) = key {
                    command.env(KEY_VARIABLE, key);
                }
            }
            Self::Login { model } => {
                if let Some(model) = model {
                    command.env(MODEL_VARIABLE, model);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: Option<&str>, model: Option<&str>, login: bool) -> Args {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Args {
            program: "turn".into(),
            arguments: Vec::new(),
            provider_url: owned(url),
            model: owned(model),
            api_key: None,
            login,
            cli: None,
        }
    }

    fn every_variable(name: &str) -> Option<String> {
        Some(format!("${name}"))
    }

    /// The variables that a program gets.
    fn given(model: &Model) -> Vec<(String, String)> {
        let mut command = Command::new("x");
        model.apply(&mut command);
        assert_eq!(command.get_args().count(), 0);
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_default_is_the_script() -> Result<()> {
        assert_eq!(Model::of(&args(None, None, false), |_| None)?, Model::Script);
        assert!(Model::of(&args(None, Some("m"), false), |_| None).is_err());
        assert!(Model::of(&args(Some("u"), None, false), |_| None).is_err());
        assert_eq!(given(&Model::Script), []);
        Ok(())
    }

    #[test]
    fn arguments_override_variables() -> Result<()> {
        let model = Model::of(&args(Some("u"), None, false), every_variable)?;
        let key = pair(KEY_VARIABLE, "$COPILOT_DEMO_API_KEY");
        let model_name = pair(MODEL_VARIABLE, "$COPILOT_DEMO_MODEL");
        assert_eq!(given(&model), [key, model_name, pair(URL_VARIABLE, "u")]);
        Ok(())
    }

    #[test]
    fn a_login_needs_no_variable() -> Result<()> {
        let model = Model::of(&args(None, Some("m"), true), every_variable)?;
        assert_eq!(given(&model), [pair(MODEL_VARIABLE, "m")]);
        Ok(())
    }
}
