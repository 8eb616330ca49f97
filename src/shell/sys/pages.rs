//! Pages of files that the process has mapped: the program, and its libraries.
//!
//! Came from: `mod`, when a server is about to serve; `/proc/self/smaps`, which says what is mapped
//! and whether it is as in its file. Goes to: the kernel, madvise(2). Absent on purpose: memory
//! that is no file's, which is the allocator's.

use std::fs;
use std::ops::Range;

use libc::c_void;

/// Lets go of all pages that are as in their files. A page that is needed again is mapped again,
/// from what the kernel keeps of the file. Without `/proc` nothing happens.
///
/// Not for a moment when the program might load libraries on another thread and write to what it
/// has mapped for reading: of these only code is let go of, which nobody writes to.
pub fn let_go_of_unchanged() {
    let Ok(smaps) = fs::read_to_string("/proc/self/smaps") else {
        return;
    };
    for range in unchanged(&smaps, let_go_of_unchanged as fn() as usize) {
        // SAFETY: a private mapping of a file that cannot be written to, and none of whose pages
        // was ever changed, reads the same after this call: its pages come from the file again.
        // That one is unmapped meanwhile is an error, and that others take its place has the
        // doc comment against it.
        unsafe { libc::madvise(range.start as *mut c_void, range.len(), libc::MADV_DONTNEED) };
    }
}

/// Where files are mapped of which no page is changed, or could be: all of the file in which
/// `own` lies, and the code of the others.
fn unchanged(smaps: &str, own: usize) -> Vec<Range<usize>> {
    let mappings = mappings(smaps);
    let program = mappings.iter().find(|mapping| mapping.range.contains(&own));
    let program = program.map(|mapping| mapping.file);
    let is_unchanged = |mapping: &Mapping<'_>| {
        let [_, write, execute, private] = mapping.may;
        let is_for_good = execute == b'x' || Some(mapping.file) == program;
        mapping.is_file && !mapping.is_changed && write == b'-' && private == b'p' && is_for_good
    };
    mappings.into_iter().filter(is_unchanged).map(|mapping| mapping.range).collect()
}

/// A row of `/proc/PID/smaps`, `proc_pid_smaps(5)`.
struct Mapping<'a> {
    range: Range<usize>,
    /// To read, to write, to execute, and for this process alone: a letter each, or `-`.
    may: [u8; 4],
    /// Device and inode.
    file: (&'a str, &'a str),
    is_file: bool,
    /// Some of it is no file's any more: written to, or with a debugger's breakpoint in it.
    is_changed: bool,
}

fn mappings(smaps: &str) -> Vec<Mapping<'_>> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = head(line) {
            mappings.push(mapping);
        } else if let (Some(mapping), Some(kb)) =
            (mappings.last_mut(), line.strip_prefix("Anonymous:"))
        {
            mapping.is_changed = kb.trim() != "0 kB";
        }
    }
    mappings
}

/// `55d0c8a00000-55d0c8c00000 r-xp 00001000 fe:01 1234 /usr/bin/tollway`. It
/// counts as changed until another row says that it is not.
fn head(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let may = words.next()?.as_bytes().try_into().ok()?;
    let file = (words.nth(1)?, words.next()?);
    Some(Mapping { range, may, file, is_file: file.1 != "0", is_changed: true })
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn only_what_is_as_in_its_file_and_stays_so_is_let_go_of() {
        let row = |range: &str, rest: &str, anonymous: u8| {
            format!("{range} {rest}\nSize: 8 kB\nAnonymous: {anonymous} kB\nVmFlags: rd mr\n")
        };
        let smaps = [
            row("1000-2000", "r--p 00000000 fe:01 7     /a file", 0),
            row("2000-3000", "r-xp 00001000 fe:01 7     /a file", 0),
            row("3000-4000", "r--p 00002000 fe:01 7     /a file", 4), // Relocated.
            row("4000-5000", "rw-p 00003000 fe:01 7     /a file", 0),
            row("5000-6000", "rw-p 00000000 00:00 0     [heap]", 0),
            row("6000-7000", "r--p 00000000 fe:01 8     /lib/b.so", 0), // Perhaps being loaded.
            row("7000-8000", "r-xp 00001000 fe:01 8     /lib/b.so", 0),
            row("8000-9000", "r-xp 00000000 fe:01 9     /lib/c.so", 4), // A breakpoint.
            row("9000-a000", "r--s 00000000 fe:01 7     /a file", 0),
            row("a000-b000", "r-xp 00000000 00:00 0     [vdso]", 0),
        ];
        let smaps = smaps.concat();
        let expected = [0x1000..0x2000, 0x2000..0x3000, 0x7000..0x8000];
        assert_eq!(unchanged(&smaps, 0x2abc), expected);
        let untold = "1000-2000 r-xp 00000000 fe:01 7 /a\nSize: 8 kB\n";
        assert_eq!(unchanged(untold, 0x1000), [], "a kernel that does not say whether it is");
    }

    const MAPPED: usize = 64 * 4096;

    /// This program once more, as code that nobody runs: all of it read, and its first byte set to
    /// `first`.
    fn mapped(first: Option<u8>) -> &'static [u8] {
        let file = File::open(env::current_exe().expect("Linux")).expect("it runs");
        assert!(file.metadata().expect("its length").len() > MAPPED as u64);
        let may = libc::PROT_READ | libc::PROT_EXEC;
        // SAFETY: a new mapping, which lies in the file as a whole, and is written to only here.
        unsafe {
            let (null, fd) = (std::ptr::null_mut(), file.as_raw_fd());
            let start = libc::mmap(null, MAPPED, may, libc::MAP_PRIVATE, fd, 0);
            assert_ne!(start, libc::MAP_FAILED);
            if let Some(first) = first {
                assert_eq!(libc::mprotect(start, MAPPED, libc::PROT_WRITE), 0);
                start.cast::<u8>().write(first);
                assert_eq!(libc::mprotect(start, MAPPED, may), 0);
            }
            std::slice::from_raw_parts(start.cast::<u8>(), MAPPED)
        }
    }

    fn resident_kb(own: &[u8]) -> usize {
        let smaps = fs::read_to_string("/proc/self/smaps").expect("Linux");
        let is_other = |line: &&str| {
            head(line).is_none_or(|mapping| !mapping.range.contains(&own.as_ptr().addr()))
        };
        let mut rows = smaps.lines().skip_while(is_other);
        let rss = rows.find_map(|line| line.strip_prefix("Rss:")).expect("each has one");
        rss.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn code_is_let_go_of_and_there_when_it_is_needed_and_what_was_changed_stays() {
        let (code, changed) = (mapped(None), mapped(Some(0xCC)));
        let before = code.to_vec();
        assert_eq!(resident_kb(code), MAPPED / 1024);
        let_go_of_unchanged();
        assert_eq!(resident_kb(code), 0);
        assert!(code == before, "it is the file");
        assert_eq!(changed[0], 0xCC, "a debugger stops where it was told to");
        assert!(changed[1..] == before[1..]);
    }
}
