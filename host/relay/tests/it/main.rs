//! Tests of the in-process relay: order, bounds, reachability, hostile carriers.

mod carriers;
mod desk;
mod pairs;
