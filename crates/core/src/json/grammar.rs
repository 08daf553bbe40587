//! RFC 8259 as algebra on bitmaps: which token may follow which is decided for 64 bytes (or 512) at once.
//!
//! No token is looked at one by one, brackets apart: mispredicted branches cost more than the algebra.
//! The ideas in it:
//!
//! - *The next byte that is not white space after each bit of `x`* is a sum: `x + (x | white)` carries
//!   each bit through the white space behind it. The same sum over the digits finds the end of a number's
//!   fraction, and over all bytes that are no operator the operator that follows a member's name.
//! - After `{`, `[`, `,` and `:` a value starts (or, after a bracket, the container ends), and nowhere else:
//!   one comparison of two bitmaps checks every token against its neighbour.
//! - A name is a string after `{` or `,` in an object; the operators after those must be exactly the colons.
//!   Which container is the innermost comes from the walk over the brackets ([`Nest`]).
//!
//! The design is "V3s" of the measurements that preceded the project; the escape algebra is simdjson's.

use super::nest::Nest;
use super::simd::Word;

/// What kind of byte is where, strings not yet taken into account.
pub(crate) struct Structure<W> {
    pub(crate) open: W,
    pub(crate) close: W,
    pub(crate) comma: W,
    pub(crate) colon: W,
    pub(crate) white: W,
}

/// What numbers consist of besides digits and `-`.
pub(crate) struct Numerals<W> {
    pub(crate) plus: W,
    pub(crate) point: W,
    pub(crate) exponent: W,
}

/// How an instruction set answers what the grammar asks. A step is `64 * BLOCKS` bytes.
///
/// # Safety
/// Calling any function requires the instruction set of the implementing type. Where `from` is passed, it
/// is what the step was loaded from: valid for `64 * BLOCKS + LOOK_AHEAD` bytes, or for the bytes of which
/// any bit is set in what is passed with it.
pub(crate) unsafe trait Engine {
    /// The bitmap of a step.
    type Word: Word;
    /// The bytes of a step in registers.
    type Raw: Copy;
    /// What the engine itself carries from step to step.
    type Carry: Default;
    /// Blocks in a step.
    const BLOCKS: usize;
    /// How many bytes behind the step are read too.
    const LOOK_AHEAD: usize;

    /// Reads a whole step.
    ///
    /// # Safety
    /// `from` is valid for reads of `64 * BLOCKS` bytes.
    unsafe fn load(from: *const u8) -> Self::Raw;
    /// Whether [`Engine::load_part`] is implemented; else what is left of a document is copied.
    const PARTIAL: bool = false;
    /// Reads the `left` bytes that are left of a document, less than a step, and spaces behind them.
    ///
    /// # Safety
    /// `from` is valid for reads of `left` bytes.
    unsafe fn load_part(from: *const u8, left: usize) -> Self::Raw {
        let _ = left;
        // SAFETY: not called.
        unsafe { Self::load(from) }
    }
    fn any_high(raw: &Self::Raw) -> bool;
    fn quote(raw: &Self::Raw) -> Self::Word;
    fn backslash(raw: &Self::Raw) -> Self::Word;
    fn control(raw: &Self::Raw) -> Self::Word;
    fn structure(raw: &Self::Raw) -> Structure<Self::Word>;
    /// Set in `{` and `}`, clear in `[` and `]`; anything elsewhere.
    fn bit5(raw: &Self::Raw) -> Self::Word;
    fn digit(raw: &Self::Raw) -> Self::Word;
    fn zero(raw: &Self::Raw) -> Self::Word;
    fn minus(raw: &Self::Raw) -> Self::Word;
    fn numerals(raw: &Self::Raw) -> Numerals<Self::Word>;
    /// Parity of each bit and all below it; `carry` is all ones or zero.
    fn prefix_xor(bits: Self::Word, carry: &mut u64) -> Self::Word;
    /// Bytes after an odd number of backslashes; `carry` is 1 if the first byte of the next step is one.
    fn escaped(backslash: Self::Word, carry: &mut u64) -> Self::Word;
    /// Escapes that JSON does not know.
    ///
    /// # Safety
    /// As the trait says of `from`.
    unsafe fn bad_escapes(
        raw: &Self::Raw,
        from: *const u8,
        escaped: Self::Word,
        carry: &mut Self::Carry,
    ) -> bool;
    /// Whether an escape reaches into the next step even if that has no backslash.
    fn escape_pending(carry: &Self::Carry) -> bool;
    /// The bytes of the literals that start at `starts`; the flag is set if one is not what it should be.
    ///
    /// # Safety
    /// As the trait says of `from`.
    unsafe fn literals(
        raw: &Self::Raw,
        from: *const u8,
        starts: Self::Word,
        carry: &mut Self::Carry,
    ) -> (Self::Word, bool);
    /// A word of such blocks.
    fn splat(block: u64) -> Self::Word;
    /// [`Nest::walk`] for the whole step, which has brackets.
    ///
    /// # Safety
    /// As the trait says of `from`.
    unsafe fn walk(
        from: *const u8,
        open: Self::Word,
        close: Self::Word,
        bit5: Self::Word,
        nest: &mut Nest,
    ) -> (Self::Word, Self::Word);
}

/// What a step leaves for those who look for values in it; strings are taken into account, but for `backslash`.
#[derive(Clone, Copy)]
pub(crate) struct Masks<W> {
    /// Quotes that start a string, and those that end one.
    pub(crate) string_start: W,
    pub(crate) string_end: W,
    pub(crate) backslash: W,
    pub(crate) open: W,
    pub(crate) close: W,
    pub(crate) comma: W,
    pub(crate) colon: W,
    pub(crate) white: W,
}

impl<W: Word> Masks<W> {
    /// Of a step inside a string.
    #[inline(always)]
    fn of_string() -> Self {
        let zero = W::zero();
        Masks {
            string_start: zero,
            string_end: zero,
            backslash: zero,
            open: zero,
            close: zero,
            comma: zero,
            colon: zero,
            white: zero,
        }
    }
}

/// Strings and operators only, nothing checked: for documents that are trusted.
#[derive(Default)]
pub(crate) struct Outline {
    in_string: u64,
    escape: u64,
}

impl Outline {
    /// The masks of the next step.
    #[inline(always)]
    pub(crate) fn step<E: Engine>(&mut self, raw: &E::Raw) -> Masks<E::Word> {
        let (mut quote, backslash) = (E::quote(raw), E::backslash(raw));
        if self.in_string != 0 && !(quote | backslash).any() && self.escape == 0 {
            return Masks::of_string();
        }
        if backslash.any() | (self.escape != 0) {
            quote = quote & !E::escaped(backslash, &mut self.escape);
        }
        let inside = E::prefix_xor(quote, &mut self.in_string);
        let outside = !inside;
        let all = E::structure(raw);
        Masks {
            string_start: quote & inside,
            string_end: quote & outside,
            backslash,
            open: all.open & outside,
            close: all.close & outside,
            comma: all.comma & outside,
            colon: all.colon & outside,
            white: all.white & outside,
        }
    }
}

/// What the grammar carries from step to step.
pub(crate) struct Grammar<E: Engine> {
    pub(crate) nest: Nest,
    /// Something was not JSON.
    pub(crate) bad: bool,
    /// Some byte was 0x80 or above.
    pub(crate) high: bool,
    /// A number with more than digits reaches, or may reach, into the next step.
    unfinished: bool,
    /// All ones inside a string.
    in_string: u64,
    escape: u64,
    after_open: u64,
    after_comma: u64,
    after_colon: u64,
    after_member: u64,
    after_point: u64,
    after_exponent: u64,
    scalar: E::Word,
    literal: E::Word,
    digit: E::Word,
    exponent: E::Word,
    sign_or_point: E::Word,
    leading_minus: E::Word,
    leading_zero: E::Word,
    engine: E::Carry,
}

/// The first byte after each bit of `x` that is not in `run`; the bits of `x` are not in `run`.
#[inline(always)]
fn behind<W: Word>(x: W, run: W, carry: &mut u64) -> W {
    x.add(x | run, carry) & !run
}

impl<E: Engine> Grammar<E> {
    #[inline(always)]
    pub(crate) fn new(max_depth: u32) -> Self {
        let zero = E::Word::zero();
        Grammar {
            nest: Nest::new(max_depth),
            bad: false,
            high: false,
            unfinished: false,
            in_string: 0,
            escape: 0,
            after_open: 0,
            after_comma: 0,
            // A value is expected, and no name: as after a colon.
            after_colon: 1,
            after_member: 0,
            after_point: 0,
            after_exponent: 0,
            scalar: zero,
            literal: zero,
            digit: zero,
            exponent: zero,
            sign_or_point: zero,
            leading_minus: zero,
            leading_zero: zero,
            engine: E::Carry::default(),
        }
    }

    /// Whether everything that was begun has ended and nothing was wrong.
    #[inline(always)]
    pub(crate) fn complete(&self) -> bool {
        self.nest.ended && !self.bad && !self.nest.bad
    }

    /// Checks the next step. What is found goes into `bad` and `nest.bad`.
    ///
    /// # Safety
    /// `raw` was loaded from `from`, which is valid as [`Engine`] says.
    #[inline(always)]
    pub(crate) unsafe fn step(&mut self, raw: &E::Raw, from: *const u8) -> Masks<E::Word> {
        self.high |= E::any_high(raw);
        let (quote, backslash) = (E::quote(raw), E::backslash(raw));
        if self.in_string != 0 && !(quote | backslash).any() && self.escape == 0 {
            // All string: the carries of everything that ends at a string are zero, the others stay.
            self.bad |= E::control(raw).any() | self.hex_missing(raw, from);
            return Masks::of_string();
        }
        let mut quote = quote;
        if backslash.any() | (self.escape != 0) | E::escape_pending(&self.engine) {
            let escaped = E::escaped(backslash, &mut self.escape);
            quote = quote & !escaped;
            // SAFETY: `from` is passed on as it came. (A backslash outside strings is an unknown scalar below.)
            self.bad |= unsafe { E::bad_escapes(raw, from, escaped, &mut self.engine) };
        }
        // From each opening quote up to, not including, the closing one.
        let inside = E::prefix_xor(quote, &mut self.in_string);
        let mut bad = E::control(raw) & inside;

        let all = E::structure(raw);
        let outside = !inside;
        let Structure { open, close, comma, colon, white } = Structure {
            open: all.open & outside,
            close: all.close & outside,
            comma: all.comma & outside,
            colon: all.colon & outside,
            white: all.white & outside,
        };
        let operator = open | close | comma | colon;
        let scalar = outside & !(quote | white | operator);
        let after_scalar = scalar.up1(&mut self.scalar);
        let scalar_start = scalar & !after_scalar;
        let string_start = quote & inside;

        let (mut in_object, mut bit5) = (E::splat(self.nest.context()), E::Word::zero());
        if (open | close).any() {
            bit5 = E::bit5(raw);
            // SAFETY: as above; brackets are bytes of the input.
            let (before, ended) = unsafe { E::walk(from, open, close, bit5, &mut self.nest) };
            in_object = before;
            bad = bad | (ended & !all.white);
        }

        let (behind_open, behind_comma, behind_colon) = if white.any() {
            (
                behind(open, white, &mut self.after_open),
                behind(comma, white, &mut self.after_comma),
                behind(colon, white, &mut self.after_colon),
            )
        } else {
            (
                open.double(&mut self.after_open),
                comma.double(&mut self.after_comma),
                colon.double(&mut self.after_colon),
            )
        };
        // Values stand where one is expected and nowhere else.
        let expected = behind_open | behind_comma | behind_colon;
        bad = bad | ((expected & !close) ^ (string_start | scalar_start | open));
        bad = bad | (close & (behind_comma | behind_colon));
        // In objects, `{` and `,` are followed by strings, those by colons, and nothing else is.
        bad = bad | ((behind_open | behind_comma) & in_object & !(string_start | close));
        let member = (comma & in_object) | (open & bit5);
        let next = member.add(member | !operator, &mut self.after_member) & operator;
        bad = bad | (next ^ (colon | (close & behind_open & bit5)));

        if (scalar | after_scalar).any() {
            // SAFETY: as above; scalars are bytes of the input.
            bad = bad | unsafe { self.scalars(raw, from, scalar, scalar_start) };
        }
        self.bad |= bad.any();
        let string_end = quote & outside;
        Masks { string_start, string_end, backslash, open, close, comma, colon, white }
    }

    #[inline(always)]
    fn hex_missing(&mut self, raw: &E::Raw, from: *const u8) -> bool {
        // SAFETY: nothing is escaped, so no byte is asked for that is not in `raw`.
        E::escape_pending(&self.engine)
            && unsafe { E::bad_escapes(raw, from, E::Word::zero(), &mut self.engine) }
    }

    /// Checks numbers and literals.
    ///
    /// # Safety
    /// As for [`Self::step`].
    #[inline(always)]
    unsafe fn scalars(&mut self, raw: &E::Raw, from: *const u8, scalar: E::Word, start: E::Word) -> E::Word {
        let (digit, minus) = (E::digit(raw), E::minus(raw));
        let mut bad = E::Word::zero();
        // SAFETY: `from` is passed on as it came.
        let (literal, wrong) = unsafe { E::literals(raw, from, start & !(digit | minus), &mut self.engine) };
        self.bad |= wrong;
        let number = scalar & !literal;
        // What follows a literal's bytes in the same run does not belong there.
        bad = bad | (literal.up1(&mut self.literal) & number);

        let digit = digit & number;
        let leading_minus = minus & start;
        let integer_start = start | leading_minus.up1(&mut self.leading_minus);
        let leading_zero = E::zero(raw) & number & integer_start;
        bad = bad | (leading_zero.up1(&mut self.leading_zero) & digit);
        let after_digit = digit.up1(&mut self.digit);
        let others = number & !digit;
        if others.any() || self.unfinished {
            let all = E::numerals(raw);
            let minus = minus & number;
            let sign = minus | (all.plus & number);
            let point = all.point & number;
            let exponent = all.exponent & number;
            bad = bad | (others & !(sign | point | exponent));
            bad = bad | (sign | point).up1(&mut self.sign_or_point) & !digit;
            let after_exponent = exponent.up1(&mut self.exponent);
            bad = bad | (after_exponent & !(digit | sign));
            bad = bad | ((point | exponent) & !after_digit);
            bad = bad | (sign & !(after_exponent | leading_minus));
            // Behind the digits of a fraction no second point, behind those of an exponent neither.
            bad = bad | (behind(point, digit, &mut self.after_point) & point);
            let run = digit | (sign & after_exponent);
            bad = bad | (behind(exponent, run, &mut self.after_exponent) & (point | exponent));
            self.unfinished = others.ends_set() | (self.after_point | self.after_exponent != 0);
        }
        bad
    }
}
