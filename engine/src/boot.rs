//! From a configuration to running shards.

/// Why the node does not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The back-ends are not there yet.
    #[error("this build has no back-end: build one that has")]
    NotBuilt,
}
