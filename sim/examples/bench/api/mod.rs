//! The whole path: from the POST of a signed intent to its signed bytes in the store, load generator included.
//!
//! Host, load generator and idle node have threads of their own, so that CPU time can be told apart; cosigners are processes.

mod load;
mod memory;
mod node;
mod stage;

use crate::progress::Progress;
use crate::report::{Goal, Row, median, percentile};
use crate::{bare, clock};
use load::{Load, Times};
use ringi_primitives::id::WalletId;
use stage::{MANY_LIMITS, ONE_LIMIT, Stage};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Clients of the throughput figures.
const CLIENTS: usize = 32;
/// Each cosigner signs two of three transfers: so many clients keep 32 sessions open in each.
const MEMORY_CLIENTS: usize = 48;
/// Transfers of the latency figure, and some before they count.
const ALONE: usize = 200;
const WARM: usize = 20;
/// Wallets made for their own figure.
const NEW_WALLETS: usize = 200;
/// Turns of reference and load.
const ROUNDS: usize = 3;

/// What came out.
pub struct Figures {
    /// The table's rows.
    pub rows: Vec<Row>,
    /// Where time and CPU go, to be read.
    pub profile: String,
}

struct Machines {
    host: Runtime,
    load: Runtime,
    node: Runtime,
}

fn runtime(name: &str, threads: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name(name).enable_all().build().expect("a runtime")
}

/// All figures of the API, with data in this folder; it is emptied first and left for a look afterwards.
pub fn run(cosigner: &Path, folder: &Path, seconds: u64, progress: &Progress) -> Figures {
    let cosigner = cosigner.canonicalize().unwrap_or_else(|e| {
        panic!("{}: {e}; build it with scripts/build-cosigner.sh release", cosigner.display());
    });
    let mut machines = Machines { host: runtime("host", 2), load: runtime("load", 1), node: runtime("node", 1) };
    let node = machines.on(&machines.node, node::start());
    let (own, at, url, steps) = (folder.to_owned(), cosigner.clone(), node.clone(), *progress);
    let stage = machines.on(&machines.host, async move { Stage::found(&own, &at, &url, &steps).await });
    let stage = Arc::new(stage);
    let mut figures = Figures { rows: Vec::new(), profile: String::new() };
    let (many, one) = machines.wallets(&stage, &mut figures, progress);
    let clients = stage.clone();
    let load = machines.on(&machines.load, async move { Load::on(&clients).await });
    machines.latency(&load, &many, &mut figures, progress);
    machines.throughput(&load, (&many, &one), Duration::from_secs(seconds), &mut figures, progress);
    drop(load);
    let stage = Arc::into_inner(stage).expect("nobody else has the stage");
    machines.on(&machines.host, stage.stop());
    // Whatever still runs of the first platform ends with its threads: only then is the folder free.
    std::mem::replace(&mut machines.host, runtime("host", 2)).shutdown_timeout(Duration::from_secs(5));
    machines.memory(folder, &cosigner, &node, &many, &mut figures, progress);
    figures
}

impl Machines {
    /// Runs this on a runtime's own threads, so that its CPU time is counted there.
    fn on<T: Send + 'static>(&self, runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
        runtime.block_on(runtime.spawn(work)).expect("the work comes to its end")
    }

    fn wallets(
        &self,
        stage: &Arc<Stage>,
        figures: &mut Figures,
        progress: &Progress,
    ) -> (Vec<WalletId>, Vec<WalletId>) {
        progress.step("new wallets");
        let own = stage.clone();
        let ((many, mut times), (one, more)) = self.on(&self.load, async move {
            (own.wallets(MANY_LIMITS, NEW_WALLETS).await, own.wallets(ONE_LIMIT, CLIENTS).await)
        });
        times.extend(more);
        let own = stage.clone();
        let inside = self.on(&self.host, async move { own.wallets_inside(MANY_LIMITS, NEW_WALLETS).await });
        let ms = |times: &[Duration]| median(times.iter().map(|t| t.as_secs_f64() * 1e3).collect());
        let goal = Some(Goal::AtMost(1.0));
        figures.rows.push(Row::absolute("a new wallet, durable, p50", ms(&inside), "ms", goal));
        figures.rows.push(Row::absolute(
            "  the same through the API, signed request to answer",
            ms(&times),
            "ms",
            None,
        ));
        (many, one)
    }

    fn latency(&self, load: &Arc<Load>, many: &[WalletId], figures: &mut Figures, progress: &Progress) {
        progress.step("one client");
        let (own, wallet) = (load.clone(), many[0]);
        let times = self.on(&self.load, async move {
            own.alone(MANY_LIMITS, wallet, WARM).await;
            own.alone(MANY_LIMITS, wallet, ALONE).await
        });
        let at = |per_cent: usize, of: Moment| {
            percentile(times.iter().map(|t| of(t).as_secs_f64() * 1e3).collect(), per_cent)
        };
        let name = "POST to signed bytes stored, 1 client, p50";
        figures.rows.push(Row::absolute(name, at(50, |t| t.signed), "ms", Some(Goal::AtMost(25.0))));
        figures.rows.push(Row::absolute("  the same, p95", at(95, |t| t.signed), "ms", None));
        let steps: [(&str, Moment); 3] = [
            ("accepted: the answer to the POST", |t| t.accepted),
            ("unsigned bytes stored, cosigners are asked", |t| t.prepared),
            ("signed bytes stored", |t| t.signed),
        ];
        figures.profile += "Where the time of one transfer goes (1 client, milliseconds since the request, p50):\n";
        for (name, of) in steps {
            figures.profile += &format!("  {:>8.2}  {name}\n", at(50, of));
        }
    }

    fn throughput(
        &self,
        load: &Arc<Load>,
        (many, one): (&[WalletId], &[WalletId]),
        length: Duration,
        figures: &mut Figures,
        progress: &Progress,
    ) {
        let (mut over_many, mut over_one, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Spent::default();
        for round in 1..=ROUNDS {
            progress.step(&format!("round {round} of {ROUNDS}: two cores of bare dkls23"));
            let bare = bare::dkls_per_second(2, Duration::from_secs(2));
            progress.step(&format!("round {round} of {ROUNDS}: {CLIENTS} clients, a limit each"));
            let (per_second, spent) = self.under_load(load, MANY_LIMITS, many, length);
            over_many.push((per_second, bare));
            cpu.push((spent.each_ms(), 2.0 * bare::dkls(100)));
            all.join(spent);
            progress.step(&format!("round {round} of {ROUNDS}: {CLIENTS} clients under one limit"));
            over_one.push((self.under_load(load, ONE_LIMIT, one, length).0, bare));
        }
        let half = Some(Goal::AtLeast(0.5));
        let name = |what: &str| format!("{CLIENTS} clients, {what}, beside two cores of dkls23");
        figures.rows.push(Row::beside(name("a limit each"), &over_many, "1/s", half));
        figures.rows.push(Row::beside(name("one limit (L1)"), &over_one, "1/s", None));
        // The same goal on a busy machine: half of the signatures is twice the CPU for each.
        let name = "CPU of one transfer, everything, beside both signers' dkls23";
        figures.rows.push(Row::beside(name, &cpu, "ms", Some(Goal::AtMost(2.0))));
        figures.profile += &all.text();
    }

    fn under_load(
        &self,
        load: &Arc<Load>,
        vault: &'static str,
        wallets: &[WalletId],
        length: Duration,
    ) -> (f64, Spent) {
        let (own, wallets) = (load.clone(), wallets[..CLIENTS].to_vec());
        let (per_second, edges) = self.on(&self.load, async move {
            let mut edges = Vec::new();
            let per_second =
                own.together(vault, &wallets, length, |signed| edges.push((signed, clock::by_part()))).await;
            (per_second, edges)
        });
        let mut spent = Spent::default();
        if let [from, to] = edges.as_slice() {
            spent.add(from, to);
        }
        (per_second, spent)
    }

    fn memory(
        &self,
        folder: &Path,
        cosigner: &Path,
        node: &str,
        many: &[WalletId],
        figures: &mut Figures,
        progress: &Progress,
    ) {
        progress.step(&format!("{} wallets in every cosigner's records", memory::WALLETS));
        let bytes = memory::add_wallets(folder);
        let (own, at, url) = (folder.to_owned(), cosigner.to_owned(), node.to_string());
        let stage = Arc::new(self.on(&self.host, async move { Stage::resume(&own, &at, &url).await }));
        progress.step(&format!("{MEMORY_CLIENTS} clients, memory of the cosigners"));
        let (own, wallets) = (stage.clone(), many[..MEMORY_CLIENTS].to_vec());
        let resident = self.on(&self.load, async move {
            let load = Load::on(&own).await;
            let sampling = tokio::spawn(sample());
            load.together(MANY_LIMITS, &wallets, Duration::from_secs(3), |_| {}).await;
            sampling.await.expect("samples")
        });
        let most = |line| clock::children().iter().map(|(_, at)| clock::memory_mib(at, line)).fold(0.0, f64::max);
        let goal = Some(Goal::AtMost(64.0));
        let name = "cosigner's resident memory, 3 schemes, 100,000 wallets, 32 sessions";
        figures.rows.push(Row::absolute(name, resident, "MiB", goal));
        figures.rows.push(Row::absolute("  its peak, while it restored its records", most("VmHWM"), "MiB", None));
        figures.profile += &format!("A snapshot of {} wallets is {:.1} MiB.\n", memory::WALLETS, mib(bytes));
        let stage = Arc::into_inner(stage).expect("nobody else has the stage");
        self.on(&self.host, stage.stop());
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// The most that any cosigner has in memory during three seconds of load.
async fn sample() -> f64 {
    let mut most: f64 = 0.0;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = clock::children().iter().map(|(_, at)| clock::memory_mib(at, "VmRSS")).fold(most, f64::max);
    }
    most
}

/// One of a transfer's times.
type Moment = fn(&Times) -> Duration;

/// Signed transfers and CPU nanoseconds by part at one moment.
type Edge = (u64, BTreeMap<String, u64>);

/// CPU time by part over all rounds.
#[derive(Default)]
struct Spent {
    signed: u64,
    ns: BTreeMap<String, u64>,
}

impl Spent {
    fn add(&mut self, from: &Edge, to: &Edge) {
        self.signed += to.0 - from.0;
        for (part, ns) in &to.1 {
            let before = from.1.get(part).copied().unwrap_or(0);
            *self.ns.entry(part.clone()).or_default() += ns.saturating_sub(before);
        }
    }

    fn join(&mut self, other: Spent) {
        self.signed += other.signed;
        other.ns.into_iter().for_each(|(part, ns)| *self.ns.entry(part).or_default() += ns);
    }

    /// Milliseconds of one transfer, all parts.
    fn each_ms(&self) -> f64 {
        self.ns.values().sum::<u64>() as f64 / 1e6 / self.signed.max(1) as f64
    }

    fn text(&self) -> String {
        let ms = |ns: u64| ns as f64 / 1e6 / self.signed.max(1) as f64;
        let all = self.ns.values().sum::<u64>();
        let mut parts: Vec<_> = self.ns.iter().filter(|(_, ns)| **ns > all / 1000).collect();
        parts.sort_by_key(|(_, ns)| std::cmp::Reverse(**ns));
        let mut text = format!("Where the CPU goes at {CLIENTS} clients (milliseconds per signed transfer):\n");
        for (part, ns) in parts {
            text += &format!("  {:>8.2}  {part} ({:.0} %)\n", ms(*ns), *ns as f64 * 100.0 / all as f64);
        }
        text + &format!("  {:>8.2}  together\n", self.each_ms())
    }
}
