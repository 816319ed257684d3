//! What the simulator needs of kubectl: command lines as people type them, what a command
//! makes of an object, and how objects are printed.
//!
//! Objects are JSON values of the shape that `kubectl get -o json` gives. The module knows
//! nothing of the simulation: whoever calls it looks objects up, hands them in and stores
//! what comes back.
//!
//! Upstream: kubectl 1.36 (`pkg/cmd`), apimachinery (`pkg/util/strategicpatch`), the API
//! server's table printers (`pkg/printers/internalversion`).

pub mod command;
pub mod json;
pub mod jsonpath;
pub mod kind;
pub mod patch;
pub mod print;
pub mod selector;
pub mod yaml;
