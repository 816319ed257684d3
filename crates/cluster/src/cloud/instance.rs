//! An instance of a group.

use crate::api::NodeId;
use crate::cluster::spec::FailureReason;
use crate::sim::SimTime;

/// The number of an instance, over all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

impl InstanceId {
    /// Its place in the list of all.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Asked for.
    Creating,
    /// The machine runs.
    Running,
    /// Asked to go.
    Deleting,
    /// Gone.
    Gone,
}

/// A machine of a group, or what was asked to become one.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its group.
    pub group: usize,
    /// Its number in the group, from 1.
    pub number: u32,
    /// The name of the node that it is or will be.
    pub name: String,
    /// When it was asked for.
    pub asked: SimTime,
    /// How far it is.
    pub stage: Stage,
    /// Why it cannot be had.
    pub error: Option<FailureReason>,
    /// The provider has said that it will take it back.
    pub noticed: bool,
    /// Pods that have left it before that, since the provider recommended it.
    pub left: u64,
    /// The node that it is.
    pub node: Option<NodeId>,
    /// Its place in the recording's nodes, once it is paid for.
    pub record: Option<usize>,
}

impl Instance {
    pub(super) fn new(group: usize, number: u32, name: String, asked: SimTime) -> Self {
        Self {
            group,
            number,
            name,
            asked,
            stage: Stage::Creating,
            error: None,
            noticed: false,
            left: 0,
            node: None,
            record: None,
        }
    }
}
