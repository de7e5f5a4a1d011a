//! The items of no servers: there are none, and none can be stored.

use std::ops::ControlFlow;

use crate::backend::{Backend, Op, Passed, Reply, Seen};
use crate::error::Result;
use crate::wait::Wait;

/// What a client with an empty list of servers works on, until it is given some.
pub(super) struct Nowhere;

impl Backend for Nowhere {
    fn exchange(&mut self, ops: &[Op<'_>], _wait: &mut dyn Wait) -> Result<Vec<Result<Reply>>> {
        Ok(ops.iter().map(|_| Ok(Reply::Missing)).collect())
    }

    fn scan(
        &mut self,
        _reachable_only: bool,
        _each: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
        _wait: &mut dyn Wait,
    ) -> Result<Passed> {
        Ok(Passed::default())
    }
}
