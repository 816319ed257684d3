//! Input that no one writes on purpose.
