//! Pages of files that the process has mapped: the program, and its libraries.
//!
//! Came from: `mod`, when a server is about to serve; the loader, which knows what of them nobody
//! writes to; `/proc/self/smaps`, which knows what a debugger has changed. Goes to: the kernel,
//! madvise(2). Absent on purpose: memory that is no file's, which is the allocator's.

use std::fs;
use std::ops::Range;

use libc::{c_int, c_void, dl_phdr_info};

/// Lets go of the code and the constants of the program and its libraries. What is needed again is
/// mapped again, from what the kernel keeps of their files. Without `/proc`, or where not even this
/// code is in memory by what stands there, nothing happens: an emulator makes it up.
pub fn let_go_of_unchanged() {
    let Ok(smaps) = fs::read("/proc/self/smaps") else {
        return;
    };
    let own = let_go_of_unchanged as fn() as usize;
    let mut ranges = unchanged(&String::from_utf8_lossy(&smaps), own);
    // SAFETY: it is called before this returns, with the pointer to `ranges`.
    unsafe { libc::dl_iterate_phdr(Some(let_go_of_one), (&raw mut ranges).cast()) };
}

/// Lets go of the parts of a program or a library that nobody writes to, relocations neither, where
/// they lie in one of the ranges.
///
/// # Safety
///
/// To be called by `dl_iterate_phdr`, with a pointer to the ranges. Nothing of what is told is
/// unmapped meanwhile: glibc's loader holds a lock, and musl's does not unload.
unsafe extern "C" fn let_go_of_one(it: *mut dl_phdr_info, _: usize, ranges: *mut c_void) -> c_int {
    // SAFETY: the loader's, and whole.
    let it = unsafe { &*it };
    // SAFETY: the caller's promise.
    let ranges = unsafe { &*ranges.cast::<Vec<Range<usize>>>() };
    if it.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: so many stand there, and stay there for as long as it is loaded.
    let headers = unsafe { std::slice::from_raw_parts(it.dlpi_phdr, it.dlpi_phnum.into()) };
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        // Exact: addresses of this process. What is added may be less than nothing.
        let start = (it.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        let segment = start..start.saturating_add(header.p_memsz as usize);
        for range in ranges {
            let start = segment.start.max(range.start);
            let pages = whole_pages(start..segment.end.min(range.end));
            if pages.is_empty() {
                continue;
            }
            // SAFETY: a private mapping of a file that nobody writes to, and none of whose pages
            // was changed when we looked, reads the same after this call: its pages come from the
            // file again.
            unsafe { libc::madvise(pages.start as *mut c_void, pages.len(), libc::MADV_DONTNEED) };
        }
    }
    0 // The next one.
}

/// The whole pages of a range, if it has any.
fn whole_pages(range: Range<usize>) -> Range<usize> {
    let page = page_bytes();
    let end = range.end / page * page;
    let start = range.start.checked_next_multiple_of(page).unwrap_or(end);
    start..end.max(start)
}

fn page_bytes() -> usize {
    // SAFETY: no pointers.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16)
}

/// Where files are mapped, for this process alone, that it cannot write to, and of which no page
/// was changed. `own`: an address of code that runs, which must be in memory by what these rows
/// say, or they are not believed.
fn unchanged(smaps: &str, own: usize) -> Vec<Range<usize>> {
    let mappings = mappings(smaps);
    if !mappings.iter().any(|one| one.range.contains(&own) && one.resident_kb > 0) {
        return Vec::new();
    }
    let is_unchanged =
        |mapping: &Mapping| mapping.is_file && !mapping.may_change && mapping.changed_kb == Some(0);
    mappings.into_iter().filter(is_unchanged).map(|mapping| mapping.range).collect()
}

/// A row of `/proc/PID/smaps`, `proc_pid_smaps(5)`.
struct Mapping {
    range: Range<usize>,
    is_file: bool,
    /// It can be written to, or others might.
    may_change: bool,
    resident_kb: usize,
    /// What of it is no file's any more, in memory or in swap: relocated, or with a debugger's
    /// breakpoint in it; or lies in huge pages, of which nothing else is told. `None`: unknown.
    changed_kb: Option<usize>,
}

fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = head(line) {
            mappings.push(mapping);
        } else if let (Some(last), Some((name, kb))) = (mappings.last_mut(), line.split_once(':')) {
            let kb = || kb.trim().strip_suffix(" kB")?.parse().ok();
            match name {
                "Rss" => last.resident_kb = kb().unwrap_or(0),
                "Anonymous" => last.changed_kb = kb(),
                "Private_Hugetlb" | "Shared_Hugetlb" | "Swap" => {
                    let sum = |(known, more): (usize, usize)| known.saturating_add(more);
                    last.changed_kb = last.changed_kb.zip(kb()).map(sum);
                }
                _ => {}
            }
        }
    }
    mappings
}

/// `55d0c8a00000-55d0c8c00000 r-xp 00001000 fe:01 1234 /usr/bin/tollway`.
fn head(line: &str) -> Option<Mapping> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let may_change = !matches!(words.next()?.as_bytes(), [_, b'-', _, b'p']);
    let is_file = words.nth(2)? != "0"; // The inode.
    Some(Mapping { range, is_file, may_change, resident_kb: 0, changed_kb: None })
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs::File;
    use std::mem::zeroed;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::FileExt;

    use super::*;

    fn row(range: &str, rest: &str, [rss, anonymous, swap]: [u8; 3]) -> String {
        let kb = format!("Rss: {rss} kB\nAnonymous: {anonymous} kB\nSwap: {swap} kB\n");
        format!("{range} {rest}\nSize: 8 kB\n{kb}VmFlags: rd mr\n")
    }

    const HUGE: &str = "b000-c000 r-xp 00000000 00:0e 10 /anon_hugepage (deleted)\nRss: 0 kB\n\
                        Anonymous: 0 kB\nPrivate_Hugetlb: 2048 kB\nSwap: 0 kB\n";

    #[test]
    fn only_what_is_as_in_its_file_and_stays_so_is_let_go_of() {
        let smaps = [
            row("1000-2000", "r--p 00000000 fe:01 7     /a file", [4, 0, 0]),
            row("2000-3000", "r-xp 00001000 fe:01 7     /a file", [4, 0, 0]),
            row("3000-4000", "r--p 00002000 fe:01 7     /a file", [4, 4, 0]), // Relocated.
            row("4000-5000", "r--p 00003000 fe:01 7     /a file", [0, 0, 4]), // And swapped out.
            row("5000-6000", "rw-p 00004000 fe:01 7     /a file", [4, 0, 0]),
            row("6000-7000", "rw-p 00000000 00:00 0     [heap]", [4, 4, 0]),
            row("7000-8000", "r-xp 00000000 fe:01 9     /lib/b.so", [4, 4, 0]), // A breakpoint.
            row("8000-9000", "r--s 00000000 fe:01 7     /a file", [4, 0, 0]),
            row("9000-a000", "r-xp 00000000 00:00 0     [vdso]", [4, 0, 0]),
            row("a000-b000", "r-xp 00000000 fe:01 8     /lib/c.so", [0, 0, 0]),
            HUGE.to_owned(),
        ];
        let smaps = smaps.concat();
        assert_eq!(unchanged(&smaps, 0x2abc), [0x1000..0x2000, 0x2000..0x3000, 0xa000..0xb000]);
        // What an emulator says that does not know, or a kernel that says less.
        assert_eq!(unchanged(&smaps, 0xaabc), []);
        assert_eq!(unchanged("1000-2000 r-xp 0 fe:01 7 /a\nRss: 4 kB\n", 0x1000), []);
        assert_eq!(unchanged("", 0x1000), []);
    }

    #[test]
    fn of_a_range_its_whole_pages() {
        let page = page_bytes();
        assert!(page.is_power_of_two() && page >= 4096);
        assert_eq!(whole_pages(page..3 * page), page..3 * page);
        assert_eq!(whole_pages(page - 1..3 * page + 1), page..3 * page);
        assert!(whole_pages(page + 1..2 * page - 1).is_empty());
        assert!(whole_pages(5 * page..2 * page).is_empty(), "where two do not meet");
        assert!(whole_pages(usize::MAX - 1..usize::MAX).is_empty());
    }

    /// Three pages, of this program's file or of none, to be read; `first`: what was written to
    /// the first byte of each.
    fn three_pages(file: Option<&File>, first: Option<u8>) -> &'static [u8] {
        let page = page_bytes();
        let fd = file.map_or(-1, AsRawFd::as_raw_fd);
        let kind = if file.is_some() {
            libc::MAP_PRIVATE
        } else {
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS
        };
        // SAFETY: new mappings, which nobody else knows of and which stay.
        unsafe {
            let start = libc::mmap(
                std::ptr::null_mut(),
                3 * page,
                libc::PROT_READ | libc::PROT_WRITE,
                kind,
                fd,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            for n in 0..3 {
                if let Some(first) = first {
                    start.cast::<u8>().add(n * page).write(first);
                }
            }
            assert_eq!(libc::mprotect(start, 3 * page, libc::PROT_READ), 0);
            std::slice::from_raw_parts(start.cast(), 3 * page)
        }
    }

    #[test]
    fn the_kernel_tells_what_is_changed() {
        let file = File::open(env::current_exe().expect("Linux")).expect("it runs");
        let as_it_is = three_pages(Some(&file), None);
        let changed = three_pages(Some(&file), Some(0xCC));
        assert_eq!(as_it_is[0], 0x7F, "of an ELF file");
        let smaps = fs::read_to_string("/proc/self/smaps").expect("Linux");
        let unchanged = unchanged(&smaps, row as fn(_, _, _) -> _ as usize);
        let has =
            |bytes: &[u8]| unchanged.iter().any(|range| range.contains(&bytes.as_ptr().addr()));
        assert!(has(as_it_is) && !has(changed));
    }

    #[test]
    fn only_what_the_loader_says_that_nobody_writes_to_is_let_go_of() {
        let pages = three_pages(None, Some(1));
        let start = pages.as_ptr().addr();
        let page = pages.len() / 3;
        // SAFETY: numbers and pointers, which may be null.
        let (mut it, mut headers): (dl_phdr_info, [_; 3]) = unsafe { (zeroed(), zeroed()) };
        it.dlpi_phdr = headers.as_ptr();
        it.dlpi_phnum = 3;
        it.dlpi_addr = start as _;
        let kinds = [
            (libc::PT_LOAD, libc::PF_R),
            (libc::PT_LOAD, libc::PF_R | libc::PF_W),
            (libc::PT_GNU_RELRO, libc::PF_R),
        ];
        for (n, (header, (kind, may))) in headers.iter_mut().zip(kinds).enumerate() {
            header.p_type = kind;
            header.p_flags = may;
            header.p_vaddr = (n * page) as _;
            header.p_memsz = page as _;
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        ranges.push(start..start + pages.len());
        // SAFETY: pages of ours, which read 0 when they are let go of.
        unsafe { let_go_of_one(&raw mut it, 0, (&raw mut ranges).cast()) };
        let left = [0, 1, 2].map(|n| std::hint::black_box(pages)[n * page]);
        assert_eq!(left, [0, 1, 1]);
    }

    /// Constants of this program. Pages around one that is read are mapped with it, so there are
    /// many.
    static CONSTANTS: [u8; 1 << 20] = [0xA5; 1 << 20];

    /// One of them as it is in memory, whatever the compiler knows.
    fn constant(at: usize) -> u8 {
        // SAFETY: it is one.
        unsafe { (&raw const CONSTANTS[at]).read_volatile() }
    }

    /// Whether the page of that one is mapped: `proc_pid_pagemap(5)`.
    fn is_mapped(at: usize) -> bool {
        let mut entry = [0; 8];
        let page = page_bytes();
        let entry_at = (&raw const CONSTANTS[at]).addr() / page * entry.len();
        let pages = File::open("/proc/self/pagemap").expect("Linux");
        pages.read_exact_at(&mut entry, entry_at as u64).expect("an entry");
        u64::from_ne_bytes(entry) >> 63 == 1
    }

    #[test]
    fn it_is_there_when_it_is_needed() {
        let one = CONSTANTS.len() / 2;
        assert_eq!(constant(one), 0xA5);
        assert!(is_mapped(one));
        let_go_of_unchanged();
        assert!(!is_mapped(one));
        assert_eq!(constant(one), 0xA5);
    }
}
