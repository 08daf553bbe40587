//! The root of the process, and nodes that several threads share by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use super::{Limits, Node};

static PROCESS: LazyLock<Arc<Node>> = LazyLock::new(|| Node::root("process", Limits::NONE));
static SHARED: LazyLock<Mutex<HashMap<String, Weak<Node>>>> = LazyLock::new(Mutex::default);

/// The root that all threads of this process share. Without limits until [`Node::set_limits`] gives it some.
pub fn process() -> &'static Arc<Node> {
    &PROCESS
}

/// The node named `name` that all threads share, made on first use. It hangs below the process, not below a `Memory`:
/// what a `Memory` holds for it is charged here with [`Node::charge`], and to that `Memory` with [`Node::reserve`].
///
/// A node that exists keeps its limits; it is forgotten when its last user drops it.
pub fn shared(name: &str, limits: Limits) -> Arc<Node> {
    let mut nodes = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(node) = nodes.get(name).and_then(Weak::upgrade) {
        return node;
    }
    // Only a miss adds an entry, so only a miss has to look for dead ones.
    nodes.retain(|_, node| node.strong_count() > 0);
    let node = Node::child(process(), name, limits);
    nodes.insert(name.to_owned(), Arc::downgrade(&node));
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_node_until_its_last_user_is_gone() {
        let a = shared("tests/one", Limits { hard: 100, ..Limits::NONE });
        let b = std::thread::spawn(|| shared("tests/one", Limits::NONE)).join().unwrap();
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(b.limits().hard, 100, "the second user gets the node as it is");
        a.charge(60).unwrap();
        assert!(b.charge(60).is_err(), "both charge the same account");
        a.uncharge(60);
        drop((a, b));
        assert_eq!(shared("tests/one", Limits::NONE).limits().hard, super::super::UNLIMITED);
    }
}
