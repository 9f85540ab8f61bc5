//! Execution of a plan: what runs when, what is journalled, what is said. Knows neither SQLite nor Kubernetes clients; ports are in [`ports`].

pub mod ports;
