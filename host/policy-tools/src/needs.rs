//! Who must approve, as people write it: `2 of treasurers and (1 of board or 3 of ops)`; and its flat form, any of several
//! lists of seats.

use crate::FileError;
use ringi_primitives::limits;
use ringi_primitives::policy_set::Seats;

/// Words of one expression, and so its nesting.
const WORDS: usize = 512;

/// Reads an expression. `and` binds stronger than `or`; a group's name with spaces stands in quotes.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Vec<Vec<Seats>>, FileError> {
    let words = words(text)?;
    if words.len() > WORDS {
        return Err(FileError("approvals: the expression is too long".into()));
    }
    let mut reader = Reader { words: &words, at: 0 };
    let ways = reader.any()?;
    match reader.next() {
        None => Ok(ways),
        Some(word) => Err(FileError(format!("approvals: `{word}` where `and`, `or` or the end should be"))),
    }
}

/// The expression of a flat form.
pub(crate) fn write(ways: &[Vec<Seats>]) -> String {
    let seats = |s: &Seats| format!("{} of {}", s.count, quoted(&s.group));
    let way = |way: &Vec<Seats>| way.iter().map(seats).collect::<Vec<_>>().join(" and ");
    ways.iter().map(way).collect::<Vec<_>>().join(" or ")
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) && !["and", "or", "of"].contains(&name);
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}

/// A word, or a name in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Word::Plain(text) | Word::Quoted(text)) = self;
        f.write_str(text)
    }
}

fn words(text: &str) -> Result<Vec<Word>, FileError> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '(' | ')' => {
                words.push(Word::Plain(first.to_string()));
                after
            }
            '"' => {
                let (name, after) =
                    after.split_once('"').ok_or(FileError("approvals: a quote is not closed".into()))?;
                words.push(Word::Quoted(name.to_owned()));
                after
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
                words.push(Word::Plain(rest[..end].to_owned()));
                &rest[end..]
            }
        }
        .trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    words: &'a [Word],
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<&Word> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let there = self.words.get(self.at) == Some(&Word::Plain(keyword.into()));
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Vec<Vec<Seats>>, FileError> {
        let mut ways = self.all()?;
        while self.takes("or") {
            ways.extend(self.all()?);
        }
        bounded(ways)
    }

    fn all(&mut self) -> Result<Vec<Vec<Seats>>, FileError> {
        let mut ways = self.one()?;
        while self.takes("and") {
            let more = self.one()?;
            let joined = ways.iter().flat_map(|a| more.iter().map(move |b| [a.as_slice(), b].concat()));
            ways = bounded(joined.collect())?;
        }
        Ok(ways)
    }

    fn one(&mut self) -> Result<Vec<Vec<Seats>>, FileError> {
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") { Ok(inner) } else { Err(FileError("approvals: `)` is missing".into())) };
        }
        let expected = || FileError("approvals: expected `2 of group`".into());
        let count = self.next().ok_or_else(expected)?.to_string();
        let count = count.parse().map_err(|_| FileError(format!("approvals: `{count}` is no number of people")))?;
        if !self.takes("of") {
            return Err(expected());
        }
        let group = self.next().ok_or_else(expected)?.to_string();
        Ok(vec![vec![Seats { group, count }]])
    }
}

fn bounded(ways: Vec<Vec<Seats>>) -> Result<Vec<Vec<Seats>>, FileError> {
    let small = ways.len() <= limits::QUORUM_WAYS && ways.iter().all(|w| w.len() <= limits::QUORUM_WAYS);
    if small { Ok(ways) } else { Err(FileError("approvals: too many alternatives".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<Vec<(String, u32)>> {
        let seats = |s: Seats| (s.group, s.count);
        read(text).unwrap().into_iter().map(|way| way.into_iter().map(seats).collect()).collect()
    }

    fn way(seats: &[(&str, u32)]) -> Vec<(String, u32)> {
        seats.iter().map(|(group, count)| (group.to_string(), *count)).collect()
    }

    #[test]
    fn trees_become_their_flat_form() {
        assert_eq!(flat("2 of ops"), [way(&[("ops", 2)])]);
        let both = [way(&[("ops", 2), ("board", 1)]), way(&[("ops", 2), ("cfo", 1)])];
        assert_eq!(flat("2 of ops and (1 of board or 1 of cfo)"), both);
        assert_eq!(
            flat("1 of a or 1 of b and 1 of c"),
            [way(&[("a", 1)]), way(&[("b", 1), ("c", 1)])],
            "and binds stronger"
        );
        assert_eq!(flat("1 of \"the board\""), [way(&[("the board", 1)])]);
        for text in ["2 of ops", "1 of a and 2 of b or 1 of \"the board\"", "1 of \"or\""] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "ops", "2 ops", "two of ops", "2 of", "(1 of a", "1 of a)", "1 of a and", "1 of a 1 of b", "1 of \"a"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        let doubling = ["(1 of a or 1 of b)"; 6].join(" and ");
        assert!(read(&doubling).is_err(), "64 alternatives");
    }
}
