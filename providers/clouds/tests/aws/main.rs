//! AWS, tested by tables: what is rendered, what a change of each attribute touches, what is refused.

mod attributes;
mod checks;
mod goldens;
mod input;
mod rendered;
