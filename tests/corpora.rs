//! The committed corpora, their relatives, and noise, on stable Rust: what the fuzzers found once
//! stays found.
//!
//! Came from: `fuzz/corpus`. Goes to: the bodies that the fuzz targets run. A crash file of a fuzz
//! target, put into its corpus, is replayed here; `sow` writes the seeds.

#![allow(clippy::unwrap_used, clippy::pedantic)] // A test that cannot read its corpus may fail.

#[path = "support/fuzzing/mod.rs"]
mod fuzzing;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use fuzzing::dice::Dice;
use fuzzing::{TARGETS, Target};
use sha1::{Digest, Sha1};

/// What is committed of each corpus.
const FILES_MAX: usize = 150;
const BYTES_MAX: usize = 200 * 1024;

fn folder(kind: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(name)
}

/// Whether the corpora are here. A published package has none of what is below `fuzz`, which is a
/// package of its own.
fn has_corpora(test: &str) -> bool {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").is_dir();
    if !here {
        let line = format!("SKIPPED {test}: the corpora, which are in the repository");
        assert!(env::var_os("TEST_REQUIRE_ALL").is_none(), "{line}");
        let _ = writeln!(io::stderr(), "{line}"); // Past the capture of what a passing test prints.
    }
    here
}

/// The corpus of a target, by name, so that every machine has the same order. Without the corpora,
/// the seeds that they were begun with.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    if !has_corpora(target.name) {
        return (target.seeds)().into_iter().map(|seed| (name_of(&seed), seed)).collect();
    }
    let mut files: Vec<_> = fs::read_dir(folder("corpus", target.name))
        .unwrap_or_else(|error| panic!("no corpus for {}: {error}", target.name))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The words of a dictionary: what stands between quotes, `\xNN` and all.
fn words(target: &Target) -> Vec<Vec<u8>> {
    let Some(file) = target.dictionary.filter(|_| has_corpora(target.name)) else {
        return Vec::new();
    };
    let text = fs::read_to_string(folder("dictionaries", file)).unwrap();
    let quoted = |line: &str| Some(line.split_once('"')?.1.rsplit_once('"')?.0.to_owned());
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(quoted).map(|word| unescaped(&word)).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (byte, tail) {
            (b'\\', [b'x', high, low, tail @ ..]) => {
                rest = tail;
                let digits = [*high, *low];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (b'\\', [escaped, tail @ ..]) => {
                rest = tail;
                *escaped
            }
            (plain, _) => plain,
        });
    }
    bytes
}

/// Says what it was that a body panicked on.
struct OnPanic<'i>(&'i str, String, &'i [u8]);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(target, origin, input) = self;
            eprintln!("target {target}, {origin}: b\"{}\"", input.escape_ascii());
        }
    }
}

fn run(target: &Target, origin: String, input: &[u8]) {
    let _on_panic = OnPanic(target.name, origin, input);
    (target.body)(input);
}

fn replay(target: &Target) {
    for (name, input) in corpus(target) {
        run(target, format!("file {name}"), &input);
    }
    for (n, input) in (target.seeds)().iter().enumerate() {
        run(target, format!("seed {n}"), input);
    }
}

/// A third is noise; the others come from the corpus.
fn roam(target: &Target) {
    let corpus = corpus(target);
    let words = words(target);
    for seed in 0..target.inputs / 3 {
        let input = Dice(seed).noise(300);
        run(target, format!("noise {seed}"), &input);
    }
    for seed in target.inputs / 3..target.inputs {
        let mut dice = Dice(seed);
        let parent = &corpus[dice.below(corpus.len())].1;
        let other = &corpus[dice.below(corpus.len())].1;
        let input = dice.mutate(parent, other, &words);
        run(target, format!("relative {seed}"), &input);
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(mod $name {
            #[test]
            fn holds_for_the_corpus() {
                super::replay(super::target(stringify!($name)));
            }

            #[test]
            fn holds_for_noise_and_relatives_of_the_corpus() {
                super::roam(super::target(stringify!($name)));
            }
        })*

        #[test]
        fn every_target_is_tested() {
            let tested = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(tested));
        }
    };
}

tests! {
    head body differential target condition handshake response forwarded proxy_protocol frame
    message deflate v1 rights utf8 client json event_stream outbox timer log hub sequencer tls conn
    broker
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// As libFuzzer names its files.
fn name_of(input: &[u8]) -> String {
    Sha1::digest(input).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Heads are in most of them, and what is not one is refused by both readers alike.
#[test]
fn every_file_of_every_corpus_gets_one_verdict_as_a_head() {
    for target in TARGETS {
        for (name, input) in corpus(target) {
            // From any of its first bytes on, as what comes first is a choice to many targets.
            for skipped in 0..input.len().min(4) {
                let input = [&[0, 7], &input[skipped..]].concat();
                let origin = format!("file {name} of {} from {skipped}", target.name);
                run(self::target("head"), origin, &input);
            }
        }
    }
}

#[test]
fn every_corpus_is_small_and_its_files_are_named_by_what_is_in_them() {
    if !has_corpora("every_corpus_is_small_and_its_files_are_named_by_what_is_in_them") {
        return;
    }
    for target in TARGETS {
        let corpus = corpus(target);
        let bytes: usize = corpus.iter().map(|(_, input)| input.len()).sum();
        assert!((1..=FILES_MAX).contains(&corpus.len()), "{}: {}", target.name, corpus.len());
        assert!(bytes <= BYTES_MAX, "{}: {bytes} bytes", target.name);
        for (name, input) in corpus {
            assert_eq!(name, name_of(&input), "{}", target.name);
        }
    }
}

#[test]
fn every_target_has_its_file_its_entry_and_its_row_in_the_readme() {
    if !has_corpora("every_target_has_its_file_its_entry_and_its_row_in_the_readme") {
        return;
    }
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let readme = fs::read_to_string(fuzz.join("README.md")).unwrap();
    for Target { name, .. } in TARGETS {
        let path = format!("fuzz_targets/{name}.rs");
        let text = fs::read_to_string(fuzz.join(&path)).unwrap();
        assert!(text.contains(&format!("bodies::{name}::check(input)")), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path}");
        assert!(readme.contains(&format!("\n| `{name}` |")), "{name}");
    }
    let files = fs::read_dir(fuzz.join("fuzz_targets")).unwrap().count();
    assert_eq!(files, TARGETS.len());
}

#[test]
#[ignore = "writes the seeds into fuzz/corpus"]
fn sow() {
    for target in TARGETS {
        let folder = folder("corpus", target.name);
        fs::create_dir_all(&folder).unwrap();
        for seed in (target.seeds)() {
            fs::write(folder.join(name_of(&seed)), &seed).unwrap();
        }
    }
}
