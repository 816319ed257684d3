//! From a folder of manifests to a first run.
