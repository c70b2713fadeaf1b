//! One row per figure, as a table and as JSON.

use serde_json::json;

/// A figure beside its reference.
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Our figure.
    pub ours: f64,
    /// The reference's, measured in the same run; `None` where the goal is absolute.
    pub reference: Option<f64>,
    /// Unit of both.
    pub unit: &'static str,
    /// The goal: on the ratio where there is a reference, on our figure where not.
    pub goal: f64,
    /// Whether more is better.
    pub higher_is_better: bool,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.reference.map(|r| self.ours / r)
    }

    fn met(&self) -> bool {
        let figure = self.ratio().unwrap_or(self.ours);
        if self.higher_is_better { figure >= self.goal } else { figure <= self.goal }
    }
}

/// The table.
pub fn print(rows: &[Row]) {
    println!("{:<58} {:>10} {:>10} {:>7} {:>8}  met", "figure", "ours", "reference", "ratio", "goal");
    for row in rows {
        let reference = row.reference.map_or("-".into(), |r| format!("{r:.3}"));
        let ratio = row.ratio().map_or("-".into(), |r| format!("{r:.3}"));
        let met = if row.met() { "yes" } else { "NO" };
        let name = format!("{} [{}]", row.name, row.unit);
        println!("{name:<58} {:>10.3} {reference:>10} {ratio:>7} {:>8}  {met}", row.ours, row.goal);
    }
}

/// `target/bench.json`.
pub fn write(rows: &[Row]) {
    let list: Vec<_> = rows
        .iter()
        .map(|r| {
            json!({"name": r.name, "ours": r.ours, "reference": r.reference, "ratio": r.ratio(), "unit": r.unit,
                   "goal": r.goal, "met": r.met()})
        })
        .collect();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench.json");
    let text = serde_json::to_string_pretty(&list).expect("JSON");
    if let Err(error) =
        std::fs::create_dir_all(file.parent().expect("a parent")).and_then(|()| std::fs::write(&file, text))
    {
        eprintln!("bench.json not written: {error}");
    }
}
