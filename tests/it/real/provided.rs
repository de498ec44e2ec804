//! Services of a client for the real CLI: files, models, canvases, skills, tokens, answers for MCP servers.

mod agents;
mod canvases;
mod github;
mod limits;
mod mcp;
mod mcp_login;
mod model_requests;
mod models;
#[cfg(unix)]
mod session_files;
mod skills;
mod telemetry;
mod tokens;
mod web;
