//! The planner against a world in memory: tables of cases, and laws (plan∘apply then plan is empty; killed anywhere and run again is
//! as never killed; the order of input does not matter; the same input gives the same bytes).

mod abandon;
mod cases;
mod components;
mod deleting;
mod destroy;
mod drift;
mod external_etcd;
mod half_made;
mod ignored;
mod inventoried;
mod laws;
mod messages;
mod own_secrets;
mod parts;
mod repave;
mod replacing;
mod scaling;
mod show;
mod turns;
mod wish;
mod without_api;
mod world;
