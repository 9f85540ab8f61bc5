//! The executor against a world in memory: order, failure, skipping, stopping, refusal, resumption, and death after every record.

mod death;
mod decisions;
mod runs;
mod world;
