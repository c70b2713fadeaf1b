//! The step machine, attacked with every sequence of events.

mod machine;
