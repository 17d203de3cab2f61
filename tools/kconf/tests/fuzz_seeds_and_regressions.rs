//! Replays the fuzzers' seeds, and every input that was once a bug, through the functions that the fuzzers call.
//!
//! With `LPARKIT_WRITE_SEEDS=1` the seeds are written anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "contract/boxes.rs"]
mod boxes;

#[path = "../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

/// A target's name and what it calls.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 3] = [("config", entry::config), ("image", entry::image), ("package", entry::package)];
/// Bytes of all seeds: enough for variety, small enough to be committed.
const MAX_SEED_BYTES: u64 = 100_000;
/// All that a line can be.
const CONFIG: &str = "# Linux/powerpc 6.1.176 Kernel Configuration\nCONFIG_PPC_PSERIES=y\n# CONFIG_LPARCFG is not set\n\
                      CONFIG_IBMVETH=m\nCONFIG_NR_CPUS=2048\nCONFIG_LOCALVERSION=\"-\\\"x\"\nCONFIG_BASE=0xc0\n\nCONFIG_DTL=n\n";

fn directory(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target)
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory(kind, target)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn no_seed_and_no_former_bug_makes_a_reader_panic() {
    write_seeds_if_asked();
    let mut seed_bytes = 0;
    for (target, run) in TARGETS {
        let seeds = inputs("corpus-seed", target);
        assert!(seeds.len() >= 3, "seeds of {target}");
        seed_bytes += seeds.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
        for path in seeds.iter().chain(&inputs("regressions", target)) {
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
    assert!(seed_bytes <= MAX_SEED_BYTES, "{seed_bytes} bytes of seeds");
}

#[test]
fn no_seed_cut_short_or_altered_makes_a_reader_panic() {
    write_seeds_if_asked();
    for (target, run) in TARGETS {
        for path in inputs("corpus-seed", target) {
            let seed = fs::read(path).unwrap();
            let step = seed.len() / 64 + 1;
            for at in (0..seed.len()).step_by(step) {
                run(&seed[..at]);
                for mask in [1, 0x80, 0xff] {
                    let mut altered = seed.clone();
                    altered[at] ^= mask;
                    run(&altered);
                }
            }
        }
    }
}

fn write_seeds_if_asked() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("LPARKIT_WRITE_SEEDS").is_some() {
            write_seeds();
        }
    });
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let directory = directory("corpus-seed", target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
}

fn write_seeds() {
    write("config", "each-kind-of-line", CONFIG.as_bytes());
    write("config", "crlf", CONFIG.replace('\n', "\r\n").as_bytes());
    write(
        "config",
        "old-heading",
        b"#\n# Linux kernel version: 2.6.39\nCONFIG_PPC_64K_PAGES=y\nCONFIG_PPC_64K_PAGES=n\n",
    );
    let small = [b"\x7fELF IKCFG_ST", &boxes::gzip(CONFIG.as_bytes())[..], b"IKCFG_ED"].concat();
    write("image", "plain", &small);
    for (name, pack) in boxes::COMPRESSIONS {
        write("image", name, &[b"\x7fELF....", &pack(&small)[..], b"...."].concat());
    }
    let files: [(&str, &[u8]); 2] = [("boot/config-6.1", CONFIG.as_bytes()), ("boot/vmlinux-6.1", &small)];
    write("package", "image-xz", &boxes::deb(&files, ".xz", boxes::xz));
    write("package", "image-gz", &boxes::deb(&files[1..], ".gz", boxes::gzip));
    write(
        "package",
        "config-none",
        &boxes::deb(&[("usr/src/linux-config-6.1/config.x", CONFIG.as_bytes())], "", <[u8]>::to_vec),
    );
}
