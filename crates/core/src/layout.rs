//! The one table of what Rust writes and JavaScript reads.
//!
//! [`typescript`] prints it; `crates/core/tests/layout.rs` fails when `src/generated/layout.ts` is not what
//! it prints, and says how to print it anew.

use crate::json::{columns, fields, program::flag};

/// Numbers that both sides know by name.
pub struct Table {
    /// What the names are of.
    pub doc: &'static str,
    /// The prefix of the names.
    pub prefix: &'static str,
    /// Names and numbers.
    pub numbers: &'static [(&'static str, u32)],
}

/// All numbers.
pub const TABLES: &[Table] = &[
    Table {
        doc: "Tags of the entries that `jsonFields` writes.",
        prefix: "TAG",
        numbers: &[
            ("MISSING", fields::tag::MISSING),
            ("NULL", fields::tag::NULL),
            ("TRUE", fields::tag::TRUE),
            ("FALSE", fields::tag::FALSE),
            ("NUMBER", fields::tag::NUMBER),
            ("TEXT", fields::tag::TEXT),
            ("RAW", fields::tag::RAW),
            ("UTF8", fields::tag::UTF8),
            ("ASCII", fields::tag::ASCII),
            ("BIG", fields::tag::BIG),
            ("ARRAY", fields::tag::ARRAY),
        ],
    },
    Table {
        doc: "Numbers of an entry of `jsonFields`, and of a column of `jsonColumns`.",
        prefix: "WIDTH",
        numbers: &[("ENTRY", fields::ENTRY_WIDTH as u32), ("COLUMN", columns::PART_WIDTH as u32)],
    },
    Table {
        doc: "Flags of the calls that read documents.",
        prefix: "FLAG",
        numbers: &[
            ("TRUST", flag::TRUST),
            ("MINIFY", flag::MINIFY),
            ("LINE", flag::LINE),
            ("AGAIN", flag::AGAIN),
        ],
    },
];

/// The tables as TypeScript.
pub fn typescript() -> String {
    let mut out = String::from("// Printed from crates/core/src/layout.rs: change that, then run\n");
    out += "// UPDATE_GENERATED=1 cargo test -p primarena-core --test layout\n";
    for Table { doc, prefix, numbers } in TABLES {
        out += &format!("\n/* {doc} */\n");
        for (name, number) in *numbers {
            out += &format!("export const {prefix}_{name} = {number}\n");
        }
    }
    out
}
