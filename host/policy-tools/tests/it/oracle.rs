//! Cases, the model's processes, and the comparison of whole verdicts.
//!
//! `RINGI_ORACLE_CASES` and `RINGI_ORACLE_SEED` make longer and other runs: `scripts/policy-oracle.sh`. A disagreement names its
//! batch; the same seed makes the same batch again.

use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::questions::{Asked, asked};
use crate::sets::universe;
use crate::wire;
use ringi_primitives::policy_set::PolicySet;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Questions about one set.
const BATCH: u64 = 10;
/// Processes of the model, and threads that ask them.
const WORKERS: u64 = 2;
/// Cases between two lines of progress of a long run.
const PROGRESS: u64 = 100_000;
/// Disagreements of one worker after which it has seen enough.
const ENOUGH: usize = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/policy")
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// A process of the model.
struct Model {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Model {
    fn start() -> Model {
        let mut command = Command::new("python3");
        command.arg(folder().join("model.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 3.11 or newer");
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Model { process, questions, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, line: &Value) {
        writeln!(self.questions, "{line}").expect("the model reads");
    }

    fn answer(&mut self) -> Vec<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the model answers");
        serde_json::from_str(&line).expect("the model came to its end early: its error stands above")
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A set, questions about it and what the evaluator says.
struct Batch {
    number: u64,
    policy: PolicySet,
    asked: Vec<Asked>,
    said: Vec<Value>,
}

impl Batch {
    fn of(seed: u64, number: u64) -> Batch {
        let mut dice = Dice::of(seed, number);
        let universe = universe(&mut dice);
        let asked: Vec<_> = (0..BATCH).map(|_| asked(&mut dice, &universe)).collect();
        Batch { number, policy: universe.policy, asked, said: vec![] }
    }

    fn judge(&mut self) {
        self.said = self.asked.iter().map(|asked| wire::verdict(&asked.question(&self.policy))).collect();
    }

    fn line(&self) -> Value {
        let questions: Vec<_> = self.asked.iter().map(wire::question).collect();
        json!({"policy": wire::policy(&self.policy), "questions": questions})
    }

    /// What the model says differently, as text.
    fn differences(&self, model: &[Value]) -> Vec<String> {
        assert_eq!(model.len(), self.said.len(), "an answer for each question");
        let pairs = self.asked.iter().zip(&self.said).zip(model).zip(0..);
        let differing = pairs.filter(|(((_, ours), theirs), _)| ours != theirs);
        let tell = |(((asked, ours), theirs), n): (((&Asked, &Value), &Value), u64)| {
            let (policy, question) = (wire::policy(&self.policy), wire::question(asked));
            let batch = self.number;
            format!(
                "batch {batch}, question {n}\npolicy {policy}\nquestion {question}\nevaluator {ours}\nmodel     {theirs}"
            )
        };
        differing.map(tell).collect()
    }
}

/// Every batch of this worker, the model judging one while the evaluator judges it too.
fn work(worker: u64, seed: u64, batches: u64, done: &AtomicU64) -> (Coverage, Vec<String>) {
    let (mut coverage, mut differences) = (Coverage::default(), Vec::new());
    let (mut model, started) = (Model::start(), Instant::now());
    for number in (worker..batches).step_by(WORKERS as usize) {
        let mut batch = Batch::of(seed, number);
        model.ask(&batch.line());
        batch.judge();
        for (asked, said) in batch.asked.iter().zip(&batch.said) {
            coverage.count(&batch.policy, asked, said);
        }
        differences.extend(batch.differences(&model.answer()));
        if differences.len() >= ENOUGH {
            break;
        }
        let all = done.fetch_add(BATCH, Ordering::Relaxed) + BATCH;
        if all.is_multiple_of(PROGRESS) {
            println!("{all} cases, {:.0} a second", all as f64 / started.elapsed().as_secs_f64());
        }
    }
    (coverage, differences)
}

#[test]
fn the_evaluator_says_what_the_model_says() {
    if std::env::var_os("RINGI_SKIP_ORACLES").is_some() {
        return eprintln!("left out: RINGI_SKIP_ORACLES is set");
    }
    let (cases, seed) = (number("RINGI_ORACLE_CASES", 20_000), number("RINGI_ORACLE_SEED", 1));
    let (done, started) = (AtomicU64::new(0), Instant::now());
    let results: Vec<_> = thread::scope(|scope| {
        let done = &done;
        let threads = (0..WORKERS).map(|w| scope.spawn(move || work(w, seed, cases.div_ceil(BATCH), done)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (mut coverage, mut differences) = (Coverage::default(), Vec::new());
    for (part, found) in results {
        coverage.merge(part);
        differences.extend(found);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{coverage}{} cases of seed {seed} in {seconds:.0} s", coverage.cases);
    println!("{:.0} cases a second", coverage.cases as f64 / seconds);
    assert!(differences.is_empty(), "{} disagreements:\n{}", differences.len(), differences.join("\n\n"));
    let rare = coverage.rare(coverage.cases / 4000);
    assert!(rare.is_empty(), "too rare for a test of them: {rare:?}");
}
