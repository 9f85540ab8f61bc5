//! Single cases of creating, keeping and repairing.
