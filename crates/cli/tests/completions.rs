//! Completions, in the shell they are for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_modelhub");

fn script(shell: &str) -> String {
    let Output { status, stdout, stderr } = Command::new(PROGRAM).args(["completions", shell]).output().unwrap();
    assert!(status.success(), "{shell}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What bash prints for this, which it reads from its standard input.
fn bash(flags: &[&str], text: &str) -> Output {
    let mut child = Command::new("bash")
        .args(["--norc", "--noprofile"])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn bash_loads_its_script_and_completes_with_it() {
    let script = script("bash");
    let checked = bash(&["-n"], &script);
    assert!(checked.status.success() && checked.stderr.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
    // What bash does when somebody presses Tab behind these words.
    let asked = "\ncomplete -p modelhub\nCOMP_WORDS=(modelhub key ro); COMP_CWORD=2
        _modelhub modelhub ro key; echo \"${COMPREPLY[@]}\"\n";
    let told = bash(&[], &format!("{script}{asked}"));
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut lines = text.lines();
    assert!(lines.next().unwrap().contains("-F _modelhub"), "{text}");
    assert_eq!(lines.next(), Some("rotate"), "{text}");
}

#[test]
fn every_shell_has_a_script_that_names_our_commands() {
    for shell in ["zsh", "fish", "powershell"] {
        let script = script(shell);
        assert!(script.contains("modelhub") && script.contains("publish"), "{shell}");
    }
}

#[test]
fn what_is_piped_has_no_colours() {
    for args in [&["--help"][..], &["key", "--help"], &["key", "rotat"], &["completions", "tcsh"]] {
        let Output { stdout, stderr, .. } = Command::new(PROGRAM).args(args).output().unwrap();
        let text = [stdout, stderr].concat();
        assert!(!text.is_empty() && !text.contains(&0x1b), "{args:?}: {}", String::from_utf8_lossy(&text));
    }
}
