//! What the gateway adds to a request.
//!
//! **Cast.** A mock provider answers every request with the same JSON. A load generator sends a chat request of 1 KiB over
//! kept connections, each sending its next request once it has the answer to the last (a closed loop). It measures
//! ways to the provider in alternation, in one run: direct, through nginx as a plain reverse proxy, and through
//! Wardbell with a project's default policy.
//!
//! **Theory.** Direct shows what the load generator and the mock cost themselves; what a hop adds is its quantile less the
//! direct one. nginx shows what any HTTP hop costs on this machine, so that the ratio carries over to others better than
//! the microseconds do. Where there are two cores and `taskset`, the hop under test runs alone on core 0, and the mock
//! and the load generator share core 1; so throughput is that of one core.
//!
//! **Guards.** A fourth way is a project of the same gateway with a budget and with the guard of loops, which the others have
//! not. What it takes of the processor more than the third is what the two guards cost. The requests of both differ in a word: the same
//! one again is a loop, and a text that was seen before costs the injection model nothing.
//!
//! **Streams.** Asked for one, the mock sends its first event with the answer's head and the others at a fixed pace. One
//! stream after the other shows when the first event comes; many at once show whether every event comes, in order, and how
//! late. nginx passes them on without buffering. An event that is lost is an error, however fast the others were.
//!
//! **Bounds.** The run takes the seconds, times rounds, times ways, times concurrencies; every socket has a timeout. The
//! processes that it starts are its own and are ended by their handles, also on an error.
//!
//! **What it does not say.** Streams whose text is looked at, large bodies, TLS, findings, many projects; and with a closed loop, what happens
//! beyond saturation.

mod goal;
mod hop;
mod load;
mod mock;
mod report;
mod stream;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::hop::Hop;
use self::load::Cell;
use self::report::{Report, Row, StreamRow};
use self::stream::{Came, Pace};
use crate::program::{Binary, cargo, program, wardbell};

/// Open connections, each with one request under way.
const CONCURRENCIES: &[usize] = &[1, 16, 64];
/// The same where it is only tried.
const CONCURRENCIES_IN_SMOKE: &[usize] = &[1, 64];
/// How often each way is measured at each concurrency.
const ROUNDS: u32 = 3;
/// Open connections where only one way is measured.
const PROFILED: usize = 64;
/// What a way is given to warm up before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// The chat endpoint.
const PATH: &str = "/v1/chat/completions";
/// The pace of the streams whose first event is waited for: short, so that there are many, and with a pause, so that the
/// first event is not one with the others.
const FIRST: Pace = Pace { events: 4, pause: Duration::from_micros(500) };
/// The pace of the streams that are held at once. Source: our choice, about what a model says to a reader.
const HELD: Pace = Pace { events: 20, pause: Duration::from_millis(100) };
/// How many are held at once. Source: our promise.
const STREAMS: u32 = 512;
/// The same where it is only tried.
const HELD_IN_SMOKE: Pace = Pace { events: 5, pause: Duration::from_millis(20) };
const STREAMS_IN_SMOKE: u32 = 16;
/// The core of the hop under test, where there are two.
const HOP_CORE: &str = "0";
/// The core of the mock and the load generator.
const LOAD_CORE: &str = "1";

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds per round of each cell; 48 of them make a run, beside 20 s of streams held at once.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only try whether it works: the debug build, one short round. The numbers mean nothing.
    #[arg(long)]
    smoke: bool,
    /// With --smoke: use the debug binary that is there, without building it.
    #[arg(long, requires = "smoke")]
    built: bool,
    /// Only this way at 64 connections for so many seconds, for a profiler: nginx, wardbell or guards.
    #[arg(long, value_name = "WAY", conflicts_with = "smoke")]
    only: Option<String>,
    /// Already runs on its own core.
    #[arg(long, hide = true)]
    pinned: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !(0.05..=600.0).contains(&options.seconds) {
        bail!("--seconds takes 0.05 to 600");
    }
    if options.pinned {
        return measure(options, true);
    }
    if options.smoke {
        Binary::from_flag(options.built).get()?;
        // The bell's bench is one of cargo's own; see docs/benchmarks.md for its long form.
        cargo(["test", "--package", "wardbell-notify", "--bench", "bell", "--quiet", "--", "--smoke"])
            .run("see what the bench said")?;
    } else {
        cargo(["build", "--package", "wardbell", "--release"]).run("mend the build")?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 || !program("taskset", ["-c", LOAD_CORE, "true"]).works() {
        println!("one core, or no taskset (util-linux): nothing is pinned, and the numbers will scatter");
        return measure(options, false);
    }
    let this = std::env::current_exe().context("where this program is")?;
    let mut arguments = vec!["-c".to_owned(), LOAD_CORE.to_owned(), this.display().to_string()];
    arguments.extend(["bench".to_owned(), "--pinned".to_owned(), format!("--seconds={}", options.seconds)]);
    if options.smoke {
        arguments.push("--smoke".to_owned());
    }
    arguments.extend(options.only.iter().map(|way| format!("--only={way}")));
    program("taskset", arguments).run("see the message above")
}

/// One way to the provider.
struct Way {
    name: &'static str,
    address: SocketAddr,
    /// The whole request, head and body.
    request: Vec<u8>,
    /// The key, and what stands before the path of a request for a stream.
    key: String,
    streamed: &'static str,
    /// Each request differs from the one before.
    varies: bool,
    hop: Option<Arc<Hop>>,
}

/// The name of the way with the guards of loops and money.
const GUARDS: &str = "guards";

impl Way {
    fn new(name: &'static str, address: SocketAddr, key: &str, hop: Option<Hop>) -> Way {
        let (request, hop) = (load::request(key, PATH, None), hop.map(Arc::new));
        Way { name, address, request, key: key.to_owned(), streamed: "", varies: false, hop }
    }

    /// The whole request for a stream.
    fn request_for(&self, pace: Pace) -> Vec<u8> {
        load::request(&self.key, &format!("{}{PATH}", self.streamed), Some(pace))
    }
}

fn measure(options: &Options, pinned: bool) -> Result<()> {
    let (seconds, rounds, concurrencies) =
        if options.smoke { (0.2, 1, CONCURRENCIES_IN_SMOKE) } else { (options.seconds, ROUNDS, CONCURRENCIES) };
    let (held, streams) = if options.smoke { (HELD_IN_SMOKE, STREAMS_IN_SMOKE) } else { (HELD, STREAMS) };
    let load_before = report::load_average();
    let core = pinned.then_some(HOP_CORE);
    let mock = mock::start()?;
    let gateway = Hop::wardbell(&wardbell(if options.smoke { "debug" } else { "release" }), core)?;
    let key = gateway.configure(mock, false)?;
    let guarded_key = gateway.configure(mock, true)?;
    let mut ways = vec![Way::new("direct", mock, &key, None)];
    match Hop::nginx(mock, core)? {
        Some(nginx) => {
            let way = Way::new("nginx", nginx.address, &key, Some(nginx));
            ways.push(Way { streamed: hop::STREAMED, ..way });
        }
        None => println!(
            "nginx is not installed, so there is nothing to compare with\n  to get it: apt-get install nginx-light"
        ),
    }
    let plain = Way { varies: true, ..Way::new("wardbell", gateway.address, &key, Some(gateway)) };
    let guarded = Way::new(GUARDS, plain.address, &guarded_key, None);
    let guarded = Way { varies: true, hop: plain.hop.clone(), ..guarded };
    ways.extend([plain, guarded]);

    for way in &ways {
        load::cell(way, 1, WARM_UP)?;
    }
    let time = Duration::from_secs_f64(seconds);
    if let Some(only) = &options.only {
        let way = ways.iter().find(|way| way.name == only).with_context(|| format!("there is no way `{only}`"))?;
        let cell = load::cell(way, PROFILED, time)?;
        let Row { per_second, p50, cpu, .. } = Row::new(way.name, PROFILED, vec![cell]);
        println!(
            "{only}: {per_second:.0} requests/s, p50 {p50:.0} µs, {:.1} µs of the processor each",
            cpu.unwrap_or(f64::NAN)
        );
        return Ok(());
    }
    let mut rows = Vec::new();
    for &concurrency in concurrencies {
        let mut cells: Vec<Vec<Cell>> = ways.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (way, cells) in ways.iter().zip(&mut cells) {
                cells.push(load::cell(way, concurrency, time)?);
            }
        }
        for (way, cells) in ways.iter().zip(cells) {
            rows.push(Row::new(way.name, concurrency, cells));
        }
    }
    // Streams and memory are of the hop, and the fourth way has none of its own.
    ways.retain(|way| way.name != GUARDS);
    let memory = ways.iter().filter_map(|way| Some((way.name, way.hop.as_ref()?.memory_kib()?))).collect();
    let first = streamed(&ways, rounds, |way| stream::in_turn(way, FIRST, time))?;
    let held = streamed(&ways, rounds, |way| stream::at_once(way, held, streams))?;
    let report = Report { rows, memory, first, held, streams, load_before };
    report.show(options.smoke);
    report.write(options, pinned)?;
    report.nothing_lost()
}

/// Measures streams on every way, in alternation.
fn streamed(ways: &[Way], rounds: u32, measure: impl Fn(&Way) -> Result<Came>) -> Result<Vec<StreamRow>> {
    let mut came: Vec<Came> = ways.iter().map(|_| Came::default()).collect();
    for _ in 0..rounds {
        for (way, came) in ways.iter().zip(&mut came) {
            came.add(measure(way)?);
        }
    }
    Ok(ways.iter().zip(came).map(|(way, came)| StreamRow::new(way.name, came)).collect())
}
