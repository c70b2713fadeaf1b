//! One row per figure, as a table and as JSON.

use serde_json::{Value, json};

/// A figure beside its reference.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Our figure.
    pub ours: f64,
    /// The reference's, measured in the same run; `None` where the goal is absolute.
    pub reference: Option<f64>,
    /// Ours over the reference's. Of interleaved measurements the median of their ratios: it forgives a busy moment.
    pub ratio: Option<f64>,
    /// Unit of both.
    pub unit: &'static str,
    /// The goal: on the ratio where there is a reference, on our figure where not. `None`: told, not judged.
    pub goal: Option<Goal>,
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Goal {
    fn bound(self) -> f64 {
        match self {
            Goal::AtMost(bound) | Goal::AtLeast(bound) => bound,
        }
    }

    fn text(self) -> String {
        match self {
            Goal::AtMost(bound) => format!("<= {bound}"),
            Goal::AtLeast(bound) => format!(">= {bound}"),
        }
    }
}

impl Row {
    /// A figure whose goal is absolute.
    pub fn absolute(name: impl Into<String>, ours: f64, unit: &'static str, goal: Option<Goal>) -> Row {
        Row { name: name.into(), ours, reference: None, ratio: None, unit, goal }
    }

    /// A figure beside its reference, from interleaved pairs of (ours, reference).
    pub fn beside(name: impl Into<String>, pairs: &[(f64, f64)], unit: &'static str, goal: Option<Goal>) -> Row {
        let ours = median(pairs.iter().map(|(ours, _)| *ours).collect());
        let reference = median(pairs.iter().map(|(_, reference)| *reference).collect());
        let ratio = median(pairs.iter().map(|(ours, reference)| ours / reference).collect());
        Row { name: name.into(), ours, reference: Some(reference), ratio: Some(ratio), unit, goal }
    }

    /// Whether the goal is reached; `None` where there is none. What is no number reaches nothing.
    pub fn met(&self) -> Option<bool> {
        let figure = self.ratio.unwrap_or(self.ours);
        self.goal.map(|goal| match goal {
            Goal::AtMost(bound) => figure <= bound,
            Goal::AtLeast(bound) => figure >= bound,
        })
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "ours": self.ours, "reference": self.reference, "ratio": self.ratio,
               "unit": self.unit, "goal": self.goal.map(Goal::bound), "met": self.met()})
    }

    fn line(&self) -> String {
        let number = |n: Option<f64>| n.map_or("-".into(), |n| format!("{n:.3}"));
        let met = match self.met() {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        let (name, goal) = (format!("{} [{}]", self.name, self.unit), self.goal.map_or("-".into(), Goal::text));
        let (ours, reference, ratio) = (number(Some(self.ours)), number(self.reference), number(self.ratio));
        format!("{name:<66} {ours:>10} {reference:>10} {ratio:>7} {goal:>8}  {met}")
    }
}

/// The middle value; no number of none.
pub fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The value that this many per cent do not exceed.
pub fn percentile(mut values: Vec<f64>, per_cent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * per_cent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The table.
pub fn table(rows: &[Row]) -> String {
    let head = format!("{:<66} {:>10} {:>10} {:>7} {:>8}  met", "figure", "ours", "reference", "ratio", "goal");
    let lines = rows.iter().map(Row::line);
    std::iter::once(head).chain(lines).map(|l| l.trim_end().to_string() + "\n").collect()
}

/// The list of `target/bench.json`.
pub fn list(rows: &[Row]) -> String {
    let list: Vec<Value> = rows.iter().map(Row::json).collect();
    serde_json::to_string_pretty(&list).expect("JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_on_the_ratio_where_there_is_a_reference() {
        let row = |goal| Row::beside("x", &[(12.0, 10.0), (90.0, 20.0), (11.0, 10.0)], "ms", Some(goal));
        assert_eq!((row(Goal::AtMost(1.2)).ours, row(Goal::AtMost(1.2)).reference), (12.0, Some(10.0)));
        assert_eq!(row(Goal::AtMost(1.2)).ratio, Some(1.2), "the median of the ratios, not the ratio of the medians");
        assert_eq!(row(Goal::AtMost(1.2)).met(), Some(true));
        assert_eq!(row(Goal::AtMost(1.19)).met(), Some(false));
        assert_eq!(row(Goal::AtLeast(1.2)).met(), Some(true));
        assert_eq!(row(Goal::AtLeast(1.21)).met(), Some(false));
    }

    #[test]
    fn an_absolute_goal_is_on_our_figure_and_no_number_meets_none() {
        let row = |ours, goal| Row::absolute("x", ours, "MiB", goal);
        assert_eq!(row(64.0, Some(Goal::AtMost(64.0))).met(), Some(true));
        assert_eq!(row(64.1, Some(Goal::AtMost(64.0))).met(), Some(false));
        assert_eq!(row(f64::NAN, Some(Goal::AtMost(64.0))).met(), Some(false));
        assert_eq!(row(f64::NAN, Some(Goal::AtLeast(0.5))).met(), Some(false));
        assert_eq!(row(1.0, None).met(), None);
    }

    #[test]
    fn the_list_has_exactly_the_named_fields() {
        let rows =
            [Row::beside("a", &[(1.0, 2.0)], "ms", Some(Goal::AtMost(0.4))), Row::absolute("b", 3.0, "us", None)];
        let list: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&list(&rows)).unwrap();
        let fields = ["goal", "met", "name", "ours", "ratio", "reference", "unit"];
        assert!(
            list.iter().all(|row| row.keys().collect::<std::collections::BTreeSet<_>>().into_iter().eq(fields.iter())),
            "{list:?}"
        );
        assert_eq!((&list[0]["ratio"], &list[0]["goal"], &list[0]["met"]), (&json!(0.5), &json!(0.4), &json!(false)));
        assert_eq!((&list[1]["reference"], &list[1]["met"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile(vec![3.0, 1.0, 2.0], 50), 2.0);
        assert_eq!(percentile(vec![3.0, 1.0, 2.0], 100), 3.0);
        assert!(median(vec![]).is_nan());
    }
}
