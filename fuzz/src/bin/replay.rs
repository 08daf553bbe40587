//! Runs inputs through the targets without libFuzzer: `cargo run --bin replay [-- TARGET] FILE|FOLDER…`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use primarena_fuzz::{TARGETS, Target};

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

fn main() -> std::io::Result<ExitCode> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = arguments.first().and_then(|first| TARGETS.iter().find(|(name, _)| name == first));
    let targets: Vec<Target> = match named {
        Some(target) => {
            arguments.remove(0);
            vec![*target]
        }
        None => TARGETS.to_vec(),
    };
    if arguments.is_empty() {
        eprintln!("expected files or folders of inputs, behind the name of a target or for all targets");
        return Ok(ExitCode::from(2));
    }
    let mut files = Vec::new();
    for argument in &arguments {
        collect(Path::new(argument), &mut files)?;
    }
    files.sort();
    for file in &files {
        let data = fs::read(file)?;
        for (name, run) in &targets {
            // Said before, so that it is there when the target panics.
            eprintln!("{name} {}", file.display());
            run(&data);
        }
    }
    println!("{} inputs through {} targets", files.len(), targets.len());
    Ok(ExitCode::SUCCESS)
}
