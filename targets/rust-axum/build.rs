//! Hands the versions that `/info` reports to the compiler: those of the lock file and of `rustc` itself.

use std::{env, fs, process::Command};

const REPORTED: [(&str, &str); 3] =
    [("axum", "VERSION_AXUM"), ("tokio", "VERSION_TOKIO"), ("aws-lc-rs", "VERSION_AWS_LC_RS")];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
    let lock = fs::read_to_string("Cargo.lock").expect("Cargo.lock stands beside Cargo.toml");
    for (package, variable) in REPORTED {
        let version = locked_version(&lock, package)
            .unwrap_or_else(|| panic!("Cargo.lock holds no package {package}"));
        println!("cargo::rustc-env={variable}={version}");
    }
    println!("cargo::rustc-env=VERSION_RUSTC={}", rustc_version());
}

/// The version that follows `name = "package"` in a lock file.
fn locked_version<'l>(lock: &'l str, package: &str) -> Option<&'l str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").expect("cargo names the compiler");
    let output = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let text = String::from_utf8(output.stdout).expect("the compiler prints text");
    text.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
}
