//! The methods whose calls have no timeout unless one is set: a person, a model or other work decides how long they
//! take, not the CLI.

/// The methods that respond only once something is done, by what that is.
pub const METHODS: &[(&str, &[&str])] = &[
    ("the user has filled in the form", &["session.ui.elicitation"]),
    (
        "the user has confirmed it",
        &[
            "mcp.applyInstall",
            "mcp.applyUninstall",
            "plugins.applyInstall",
            "sandbox.proxyCa.remove",
            "sandbox.proxyCa.rotate",
            "sandbox.proxyCa.trust",
            "skills.applyInstall",
            "skills.applyUninstall",
        ],
    ),
    ("the user has done this step of the login", &["session.accounts.login.advance"]),
    (
        "the model has answered",
        &[
            "session.history.compact",
            "session.history.summarizeForHandoff",
            "session.mcp.executeSampling",
            "session.ui.ephemeralQuery",
        ],
    ),
    ("the sub-agent has finished", &["session.workflow.agent"]),
    (
        "the workflow has finished or paused",
        &[
            "session.workflow.pause",
            "session.workflow.resume",
            "session.workflow.resumeFromTool",
            "session.workflow.run",
            "session.workflow.runFromTool",
        ],
    ),
    (
        "the command has ended",
        &["session.commands.execute", "session.commands.invoke", "session.shell.executeUserRequested"],
    ),
    (
        "the tool has finished",
        &["session.canvas.action.invoke", "session.mcp.apps.callTool", "session.tools.execute"],
    ),
    ("all that was under way has finished", &["session.queue.process", "session.tasks.waitForPending"]),
    ("the connection is made, or `deadlineMs` is over", &["session.connectors.continueConnection"]),
    (
        "the download has finished",
        &[
            "azureMl.download",
            "azureMl.releaseFamily",
            "plugins.install",
            "plugins.marketplaces.add",
            "plugins.marketplaces.refresh",
            "plugins.update",
            "plugins.updateAll",
            "session.plugins.install",
            "session.plugins.marketplaces.add",
            "session.plugins.marketplaces.refresh",
            "session.plugins.retryManaged",
            "session.plugins.update",
        ],
    ),
];

/// The methods that respond only once the model has answered if their params have `wait`.
pub const WAITING: &[&str] = &["session.send", "session.sendMessages"];

/// The reason why a method may take long, if it waits whatever its params.
pub(crate) fn reason(method: &str) -> Option<&'static str> {
    METHODS.iter().find(|(_, methods)| methods.contains(&method)).map(|(reason, _)| *reason)
}
