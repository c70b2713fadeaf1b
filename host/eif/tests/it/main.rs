//! Images: the same from the same, measured as the hypervisor measures, refused when touched.

mod images;
mod layouts;
mod ramdisks;
