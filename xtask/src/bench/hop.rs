//! The processes between the load generator and the mock.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::wire::Wire;
use crate::program::program;

/// How long a process may take to listen.
const READY: Duration = Duration::from_secs(30);
/// What stands before the address that the gateway listens on.
const READY_LINE: &str = "wardbell ready on http://";

/// What stands before the path of a request for a stream on its way through nginx, where nginx passes on each event.
pub(super) const STREAMED: &str = "/streamed";

/// A running process. Dropping it kills it and removes its folder.
pub(super) struct Hop {
    process: Child,
    pub(super) address: SocketAddr,
    folder: tempfile::TempDir,
    /// Clock ticks per second in `/proc/PID/stat`.
    ticks_per_second: u64,
}

impl Hop {
    /// The gateway with an empty data folder.
    pub(super) fn wardbell(binary: &Path, core: Option<&str>) -> Result<Hop> {
        let folder = tempfile::Builder::new().prefix("wardbell-bench-").tempdir()?;
        let mut command = on_core(core, binary);
        command.arg("serve").current_dir(folder.path()).env_clear();
        command.env("WARDBELL_LISTEN", "127.0.0.1:0").env("WARDBELL_DATA_DIR", folder.path().join("data"));
        command.env("WARDBELL_EGRESS_ALLOW", "127.0.0.1/32:*+http");
        let log = std::fs::File::create(folder.path().join("log"))?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let process = process.with_context(|| format!("could not run {}", binary.display()))?;
        let mut hop = Hop::new(process, ([127, 0, 0, 1], 0).into(), folder);
        let stdout = hop.process.stdout.take().context("standard output is a pipe")?;
        let (tell, told) = sync_channel(1);
        // Reads on to the end, so that the gateway never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix(READY_LINE) {
                    let _ = tell.send(address.parse::<SocketAddr>());
                }
            }
        });
        let Ok(address) = told.recv_timeout(READY) else {
            bail!("the gateway did not start:\n{}", std::fs::read_to_string(hop.folder.path().join("log"))?);
        };
        hop.address = address?;
        Ok(hop)
    }

    /// Makes a project whose provider is the mock, and answers with a key of it. It has the guards of loops and money only
    /// where that is asked for.
    pub(super) fn configure(&self, mock: SocketAddr, guards: bool) -> Result<String> {
        let token = std::fs::read_to_string(self.folder.path().join("data/admin-token"))?;
        let mut wire = Wire::connect(self.address)?;
        let mut call = |method: &str, path: &str, body: &Value| -> Result<Value> {
            let body = body.to_string();
            let request = format!(
                "{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.address,
                token.trim(),
                body.len()
            );
            let status = wire.exchange(request.as_bytes())?;
            if !(200..300).contains(&status) {
                bail!("{method} {path} answered {status}: {}", String::from_utf8_lossy(wire.body()));
            }
            Ok(serde_json::from_slice(wire.body())?)
        };
        let project = call("POST", "/projects", &json!({ "name": "bench" }))?;
        let project = project.get("id").and_then(Value::as_str).context("a project has an id")?;
        let provider = json!({ "kind": "openai", "base_url": format!("http://{mock}/v1"), "api_key": "sk-bench" });
        call("PUT", &format!("/projects/{project}/providers/openai"), &provider)?;
        let key = call("POST", &format!("/projects/{project}/keys"), &json!({ "name": "bench" }))?;
        // The load comes with one key, which a pace per key would slow down.
        call(
            "PATCH",
            &format!("/projects/{project}"),
            &json!({ "policy": { "rate": null, "loop": { "enabled": guards } } }),
        )?;
        if guards {
            // More than any run bills, so that no call is refused.
            call("PUT", &format!("/projects/{project}/budget"), &json!({ "balance_usd": 1_000_000_000 }))?;
        }
        Ok(key.get("key").and_then(Value::as_str).context("a new key is shown")?.to_owned())
    }

    /// nginx as a plain reverse proxy to `mock`, if it is installed: one process, kept connections, no access log.
    pub(super) fn nginx(mock: SocketAddr, core: Option<&str>) -> Result<Option<Hop>> {
        if !program("nginx", ["-v"]).works() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("wardbell-bench-nginx-").tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let place = folder.path().display();
        let config = format!(
            "daemon off;
master_process off;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    keepalive_requests 1000000000;
    upstream mock {{
        server {mock};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }}
        location {STREAMED}/ {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config)?;
        let mut command = on_core(core, Path::new("nginx"));
        command.arg("-e").arg(folder.path().join("error.log")).arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut hop = Hop::new(process.context("could not run nginx")?, address, folder);
        let until = Instant::now() + READY;
        while Wire::connect(address).is_err() {
            if hop.process.try_wait()?.is_some() || Instant::now() >= until {
                let log = std::fs::read_to_string(hop.folder.path().join("error.log")).unwrap_or_default();
                bail!("nginx did not start:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(hop))
    }

    fn new(process: Child, address: SocketAddr, folder: tempfile::TempDir) -> Hop {
        let ticks = program("getconf", ["CLK_TCK"]).output();
        let ticks_per_second = ticks.ok().and_then(|ticks| ticks.trim().parse().ok()).unwrap_or(100);
        Hop { process, address, folder, ticks_per_second }
    }

    /// Processor time so far, in and for the process: `utime` and `stime`, fields 14 and 15 of proc_pid_stat(5).
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name in field 2 may hold spaces; it ends at the last bracket.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has a name")?;
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1000 / self.ticks_per_second))
    }

    /// Memory in use now and at most so far, in KiB: `VmRSS` and `VmHWM` of proc_pid_status(5).
    pub(super) fn memory_kib(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some((field("VmRSS")?, field("VmHWM")?))
    }
}

/// The program, bound to a core. `taskset` becomes the program, so its process id is the program's.
fn on_core(core: Option<&str>, binary: &Path) -> Command {
    match core {
        None => Command::new(binary),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(binary);
            command
        }
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
