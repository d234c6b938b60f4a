//! The bugs that `plant` puts into the sources fit into the sources of today.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Fewer kinds of bugs would prove little.
const BUGS_MIN: usize = 40;

#[test]
fn every_bug_can_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("tests/simulation/bugs")).expect("a folder of bugs");
    let patches: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    assert!(patches.len() >= BUGS_MIN);
    for patch in patches {
        let output = Command::new("git").args(["apply", "--check", "-C1"]).arg(&patch).current_dir(root).output();
        let output = output.expect("git is there");
        assert!(output.status.success(), "{}: {}", patch.display(), String::from_utf8_lossy(&output.stderr));
    }
}
