//! The configuration for servers.

use crate::session::builder::SessionBuilder;
use crate::types::{MemoryConfiguration, RemoteSessionMode, SessionDataStorage};

impl SessionBuilder {
    /// Disables the CLI's features for a person at a terminal, which a server must not have. Call it first: later
    /// calls, such as [`configure`](Self::configure), override it.
    ///
    /// It disables the host's and the folder's skills and agents (`enable_config_discovery`, `enable_skills`), the
    /// folder's hook files, which run commands without a permission request (`enable_file_hooks`), git in the working
    /// directory (`enable_host_git_operations`), further instruction files
    /// (`enable_on_demand_instruction_discovery`), the store that is searched across sessions
    /// (`enable_session_store`), memory, retrieval by embeddings, telemetry of the session, experiments, extensions,
    /// remote control from GitHub, and `enable_script_safety`. MCP logins and embeddings are stored in memory only.
    ///
    /// It does not affect what the CLI reads from its home, such as MCP servers and hooks: a server should set an
    /// empty [`home_dir`](crate::ClientBuilder::home_dir). The page [on servers](crate::server) has more.
    pub fn server_defaults(self) -> Self {
        self.configure(|config| {
            config
                .enable_config_discovery(false)
                .enable_skills(false)
                .enable_file_hooks(false)
                .enable_host_git_operations(false)
                .enable_on_demand_instruction_discovery(false)
                .enable_session_store(false)
                .memory(MemoryConfiguration::new(false))
                .skip_embedding_retrieval(true)
                .embedding_cache_storage(SessionDataStorage::InMemory)
                .mcp_oauth_token_storage(SessionDataStorage::InMemory)
                .enable_session_telemetry(false)
                .enable_github_telemetry_forwarding(false)
                .is_experimental_mode(false)
                .interactive_user(false)
                .request_extensions(false)
                .remote_session(RemoteSessionMode::Off)
                .enable_script_safety(false)
        })
    }
}
