//! The rows of the tables of instructions, allocations and time. Those of memory are in `memory.rs`, those of wakes in
//! `count.rs`. What the programs do for a row is in `programs/speed/client/rows.rs`.

pub struct Row {
    /// The argument of the programs.
    pub name: &'static str,
    pub title: &'static str,
    /// Two sizes for counts. Their difference leaves out the start.
    pub counted: [u64; 2],
    /// The size for time, of about a second.
    pub timed: u64,
    pub about: &'static str,
}

pub const ROWS: [Row; 11] = [
    Row {
        name: "event",
        title: "event",
        counted: [2, 12],
        timed: 500,
        about: "an event with 200 bytes of the answer, in a turn of 503 events; the subscriber reads the typed text",
    },
    Row {
        name: "event-four",
        title: "event, four subscribers",
        counted: [2, 12],
        timed: 200,
        about: "the same with four subscribers, for all four together",
    },
    Row {
        name: "recorded",
        title: "event of a recorded turn",
        counted: [2, 12],
        timed: 1000,
        about: "an event of a recorded turn; the subscriber reads only its kind",
    },
    Row {
        name: "call",
        title: "call",
        counted: [50, 350],
        timed: 20_000,
        about: "`session.name.get` and its typed result, one call after another",
    },
    Row {
        name: "calls",
        title: "call, 64 in flight",
        counted: [640, 3840],
        timed: 50_000,
        about: "the same with 64 tasks, each with one call after another",
    },
    Row {
        name: "tool",
        title: "tool call",
        counted: [20, 820],
        timed: 5000,
        about: "a call of a tool that adds two numbers: the event, the handler, the answer and its response",
    },
    Row {
        name: "permission",
        title: "permission request",
        counted: [20, 820],
        timed: 5000,
        about: "a request that the policy approves, likewise",
    },
    Row {
        name: "turn",
        title: "turn",
        counted: [20, 120],
        timed: 3000,
        about: "sends a prompt and waits for the answer, in a turn of 13 events",
    },
    Row {
        name: "session",
        title: "session",
        counted: [10, 60],
        timed: 3000,
        about: "creates a session with a tool and a policy, and disconnects it",
    },
    Row {
        name: "history",
        title: "event of a history",
        counted: [1, 5],
        timed: 200,
        about: "an event of a history of 1,000 events; their typed texts are read",
    },
    Row {
        name: "start",
        title: "start",
        counted: [2, 42],
        timed: 50,
        about: "starts the CLI, performs the handshake and stops the CLI",
    },
];
