//! The generated TypeScript is what the layout table says.

use std::fs;
use std::path::Path;

use primarena_core::layout::{TABLES, typescript};

#[test]
fn generated_files_are_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/generated/layout.ts");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be made");
        fs::write(&file, typescript()).expect("the file can be written");
    }
    // A checkout may have other line ends.
    let found = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    let update = "run: UPDATE_GENERATED=1 cargo test -p primarena-core --test layout";
    assert_eq!(found, typescript(), "src/generated/layout.ts is out of date; {update}");
}

#[test]
fn no_number_means_two_things() {
    for table in TABLES.iter().filter(|table| table.prefix != "WIDTH") {
        let mut numbers: Vec<_> = table.numbers.iter().map(|(_, number)| number).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), table.numbers.len(), "{}", table.prefix);
    }
}
