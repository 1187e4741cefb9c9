//! Which pieces start here: a trie over the bytes of all pieces, in one array.
//!
//! **Layout.** A node's child for a byte stands at `base ^ byte`, and knows its parent. So children of different nodes can
//! share a block of 256 places, and a step is one look. (A double array; source: Aoe, "An Efficient Digital Search
//! Algorithm by Using a Double-Array Structure", 1989.)
//!
//! **Building.** Nodes are placed depth first. One child goes into the oldest free place; several are tried at the newest
//! free places, a bounded number of times, and then get a block of their own.

use crate::error::ModelError;

/// How many places are tried for the children of a node. Source: our choice; more gains no room worth its time.
const TRIES_MAX: usize = 48;
/// The most places. Source: our choice, 48 MiB; 250,000 pieces need 1.4 million.
const PLACES_MAX: usize = 1 << 22;
const BLOCK: usize = 256;
/// No node, no piece, no parent.
const NONE: u32 = u32::MAX;

/// The trie of a vocabulary.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    base: u32,
    parent: u32,
    piece: u32,
}

/// What is to be placed: the pieces from `first` to before `last` share their first `depth` bytes and end at `node`.
struct Branch {
    node: u32,
    first: usize,
    last: usize,
    depth: usize,
}

impl Trie {
    /// The node that every piece starts from.
    pub(super) const ROOT: u32 = 0;

    /// Builds the trie of pieces, which are not empty.
    pub(super) fn build(mut pieces: Vec<(&str, u32)>) -> Result<Trie, ModelError> {
        pieces.sort_unstable();
        if pieces.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
            return Err(ModelError::tensor("tokenizer.pieces", "has two pieces with the same letters"));
        }
        let mut builder = Builder::new();
        let mut branches = vec![Branch { node: Trie::ROOT, first: 0, last: pieces.len(), depth: 0 }];
        let mut children = Vec::new();
        while let Some(branch) = branches.pop() {
            children.clear();
            let mut first = branch.first;
            for (index, (piece, id)) in pieces.iter().enumerate().take(branch.last).skip(branch.first) {
                match piece.as_bytes().get(branch.depth) {
                    None => {
                        builder.set_piece(branch.node, *id);
                        first = index + 1;
                    }
                    Some(byte) => match children.last_mut() {
                        Some((label, _, last)) if label == byte => *last = index + 1,
                        _ => children.push((*byte, if children.is_empty() { first } else { index }, index + 1)),
                    },
                }
            }
            let base = builder
                .base_for(&children)
                .ok_or_else(|| ModelError::tensor("tokenizer.pieces", "needs more memory than a vocabulary may"))?;
            builder.set_base(branch.node, base);
            for (byte, first, last) in &children {
                let node = base ^ u32::from(*byte);
                builder.take(node, branch.node);
                branches.push(Branch { node, first: *first, last: *last, depth: branch.depth + 1 });
            }
        }
        Ok(Trie { nodes: builder.nodes })
    }

    /// The child of `node` for `byte`, with its piece.
    pub(super) fn child(&self, node: Step, byte: u8) -> Option<Step> {
        let place = node.base ^ u32::from(byte);
        let child = self.nodes.get(place as usize)?;
        (child.parent == node.place).then_some(Step { place, base: child.base, piece: child.piece })
    }

    /// Where every search starts.
    pub(super) fn root(&self) -> Step {
        let base = self.nodes.first().map_or(0, |root| root.base);
        Step { place: Trie::ROOT, base, piece: NONE }
    }
}

/// A node that a search has come to.
#[derive(Clone, Copy)]
pub(super) struct Step {
    place: u32,
    base: u32,
    piece: u32,
}

impl Step {
    /// The piece that ends here.
    pub(super) fn piece(self) -> Option<u32> {
        (self.piece != NONE).then_some(self.piece)
    }
}

/// The array as it grows, with its free places in a ring through place 0 (the root, which is never free).
struct Builder {
    nodes: Vec<Node>,
    newer: Vec<u32>,
    older: Vec<u32>,
}

impl Builder {
    fn new() -> Builder {
        let mut builder = Builder { nodes: Vec::new(), newer: Vec::new(), older: Vec::new() };
        builder.add_block();
        builder
    }

    /// Adds a block, all of it free but for the root; gives its first place.
    fn add_block(&mut self) -> Option<u32> {
        let start = u32::try_from(self.nodes.len()).ok().filter(|_| self.nodes.len() < PLACES_MAX)?;
        let length = self.nodes.len() + BLOCK;
        self.nodes.resize(length, Node { base: 0, parent: NONE, piece: NONE });
        self.newer.resize(length, 0);
        self.older.resize(length, 0);
        for place in (start..).take(BLOCK).filter(|place| *place != Trie::ROOT) {
            let newest = link(&self.older, Trie::ROOT);
            self.join(newest, place);
            self.join(place, Trie::ROOT);
        }
        Some(start)
    }

    fn join(&mut self, older: u32, newer: u32) {
        if let Some(link) = self.newer.get_mut(older as usize) {
            *link = newer;
        }
        if let Some(link) = self.older.get_mut(newer as usize) {
            *link = older;
        }
    }

    /// A base at which the places of all children are free.
    fn base_for(&mut self, children: &[(u8, usize, usize)]) -> Option<u32> {
        let Some((first, ..)) = children.first() else { return Some(0) };
        if children.len() == 1 {
            let oldest = link(&self.newer, Trie::ROOT);
            if oldest != Trie::ROOT {
                return Some(oldest ^ u32::from(*first));
            }
        }
        let mut place = link(&self.older, Trie::ROOT);
        for _ in 0..TRIES_MAX {
            if place == Trie::ROOT {
                break;
            }
            let base = place ^ u32::from(*first);
            if children.iter().all(|(byte, ..)| self.is_free(base ^ u32::from(*byte))) {
                return Some(base);
            }
            place = link(&self.older, place);
        }
        self.add_block()
    }

    fn is_free(&self, place: u32) -> bool {
        place != Trie::ROOT && self.nodes.get(place as usize).is_some_and(|node| node.parent == NONE)
    }

    fn take(&mut self, place: u32, parent: u32) {
        let (older, newer) = (link(&self.older, place), link(&self.newer, place));
        self.join(older, newer);
        if let Some(node) = self.nodes.get_mut(place as usize) {
            node.parent = parent;
        }
    }

    fn set_base(&mut self, place: u32, base: u32) {
        if let Some(node) = self.nodes.get_mut(place as usize) {
            node.base = base;
        }
    }

    fn set_piece(&mut self, place: u32, piece: u32) {
        if let Some(node) = self.nodes.get_mut(place as usize) {
            node.piece = piece;
        }
    }
}

fn link(links: &[u32], place: u32) -> u32 {
    links.get(place as usize).copied().unwrap_or(Trie::ROOT)
}
