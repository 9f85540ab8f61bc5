//! Layers on a plane: order, inventory, pruning, health, and the form in which they are handed to the agent.
//!
//! The engine and the agent apply layers with this same code; it knows neither plans nor the agent's controller.

pub mod content;
pub mod ensure;
pub mod inventory;
pub mod order;
