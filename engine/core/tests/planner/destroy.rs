//! Single cases of destroying.
