use copilot_session::*; use copilot_session_tests::model::*; use super::rig::*; use serde_json::json;
#[tokio::test] async fn scratch() {
  let cmds=["cat /etc/hostname", "head -1 /etc/passwd | wc", "cat ~/.bashrc", "find . -name x -exec cat {} +", "curl http://127.0.0.1:1/"];
  let rig = Rig::start(Script::replies(cmds.iter().map(|c| Reply::tool_call("bash",json!({"command":c,"description":"d"}))).chain([Reply::text("x")]))).await;
  println!("{}", rig.client.version());
  let session = rig.session(|b| b.on_permission(async |r| { println!("{} {} {}", r.summary(), r.is_read_only(), match r.details() { types::PermissionRequest::Shell(s) => format!("{s:?}"), _ => String::new()}); Decision::approve()})).await;
  println!("{:?}", session.rpc().options().update(&types::SessionUpdateOptionsParams::default().enable_script_safety(true)).await);
  ask(&session, "x").await.unwrap();
  rig.finish().await;
}
