//! Which containers are open: one bit each, in a word, and in a `Vec` once a document is deeper than 63.

/// The kinds of the open containers.
///
/// `stack` holds a 1 as its end mark and above it (towards bit 0) one bit a level, the innermost lowest:
/// set for an object. It is 1 only if nothing is open.
#[derive(Debug)]
pub(crate) struct Nest {
    pub(crate) stack: u64,
    /// Full words further out, 63 levels each.
    spill: Vec<u64>,
    max_depth: u32,
    /// How deep `stack` may get before a step must go one bracket at a time.
    room: u32,
    /// The root has been closed.
    pub(crate) ended: bool,
    /// Brackets did not match, or went deeper than allowed.
    pub(crate) bad: bool,
}

const WORD_LEVELS: u32 = 63;

impl Nest {
    #[inline(always)]
    pub(crate) fn new(max_depth: u32) -> Self {
        let room = max_depth.min(WORD_LEVELS);
        Nest { stack: 1, spill: Vec::new(), max_depth, room, ended: false, bad: false }
    }

    /// Whether `more` brackets can all be opened without leaving the word or passing the limit.
    #[inline(always)]
    pub(crate) fn has_room(&self, more: u32) -> bool {
        WORD_LEVELS - self.stack.leading_zeros() + more <= self.room
    }

    /// All bits set if the innermost container is an object.
    #[inline(always)]
    pub(crate) fn context(&self) -> u64 {
        (self.stack & 1).wrapping_neg()
    }

    /// Walks the brackets of a block that has any: bits of the result are set where the innermost container, before
    /// that byte, is an object; and where nothing but white space is allowed since the root has ended.
    #[inline(always)]
    pub(crate) fn walk(&mut self, open: u64, close: u64, bit5: u64) -> (u64, u64) {
        let mut rest = open | close;
        if !self.has_room(open.count_ones()) {
            return self.walk_slowly(open, close, bit5);
        }
        let mut before = self.context();
        let mut stack = self.stack;
        let (mut bad, mut emptied) = (0, 0);
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            // No branch on the kind of bracket: in documents seen for the first time it is a coin toss.
            let (opens, object) = ((open >> at) & 1, (bit5 >> at) & 1);
            bad |= (stack ^ object) & !opens;
            let after = if opens != 0 { (stack << 1) | object } else { stack >> 1 };
            before ^= ((stack ^ after) & 1).wrapping_neg() << at << 1;
            emptied += u32::from(after < 2);
            stack = after;
        }
        let mut ended = 0;
        if emptied != 0 {
            // The root ends with the last bracket of the block, or this is a case for the slow walk.
            if emptied > 1 || stack != 1 || !self.end() {
                return self.walk_slowly(open, close, bit5);
            }
            ended = !0 << (63 - (open | close).leading_zeros()) << 1;
        }
        self.bad |= bad & 1 != 0;
        self.stack = stack;
        (before, ended)
    }

    /// The same for blocks that end the root, leave the word or pass the limit.
    #[cold]
    #[inline(never)]
    pub(crate) fn walk_slowly(&mut self, open: u64, close: u64, bit5: u64) -> (u64, u64) {
        if self.ended {
            return (0, !0);
        }
        let mut before = self.context();
        let mut rest = open | close;
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            let object = (bit5 >> at) & 1;
            if (open >> at) & 1 == 1 {
                self.push(object);
            } else {
                self.pop(object);
            }
            if self.stack == 1 {
                self.ended = true;
                return (before, !0 << at << 1);
            }
            before = (before & !(!0 << at << 1)) | (self.context() << at << 1);
        }
        (before, 0)
    }

    /// The root ends, all levels being in the word; else nothing happens and the answer is `false`.
    #[inline(always)]
    pub(crate) fn end(&mut self) -> bool {
        self.ended = self.spill.is_empty();
        self.ended
    }

    fn depth(&self) -> u64 {
        self.spill.len() as u64 * u64::from(WORD_LEVELS) + u64::from(WORD_LEVELS - self.stack.leading_zeros())
    }

    fn push(&mut self, object: u64) {
        self.bad |= self.depth() >= u64::from(self.max_depth);
        if self.stack >> 63 == 1 {
            self.spill.push(self.stack);
            self.stack = 1;
            self.refit();
        }
        self.stack = (self.stack << 1) | object;
    }

    fn pop(&mut self, object: u64) {
        self.bad |= self.stack & 1 != object;
        self.stack >>= 1;
        if self.stack == 1
            && let Some(outer) = self.spill.pop()
        {
            self.stack = outer;
            self.refit();
        }
    }

    fn refit(&mut self) {
        let spilled = self.spill.len() as u64 * u64::from(WORD_LEVELS);
        self.room = u64::from(self.max_depth).saturating_sub(spilled).min(u64::from(WORD_LEVELS)) as u32;
    }
}
