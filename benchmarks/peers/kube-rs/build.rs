//! Tells the program which compiler made it.

use std::process::Command;

fn main() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(compiler).arg("--version").output();
    let version = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    println!(
        "cargo::rustc-env=RUSTC_VERSION={}",
        version.split_whitespace().nth(1).unwrap_or("?")
    );
    println!("cargo::rerun-if-changed=build.rs");
}
