//! Figures, tables and findings that people rely on.
