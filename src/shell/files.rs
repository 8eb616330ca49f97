//! Files of `--static DIR`: opened beneath it, read a piece at a time.
//!
//! Came from: `broker`, by way of its effects, with a path that a stranger wrote. Goes to: the
//! kernel, which resolves the path beneath the folder and nowhere else (see
//! [`sys::open_beneath`]). Absent on purpose: caching, and threads for the disk. A read that is
//! not in the page cache holds up this thread's connections for as long as the disk takes; the
//! folder is for a page and its assets, not for an archive.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::sys;
use crate::broker::{FileError, FileInfo};
use crate::ids::{ConnId, Millis};
use crate::limits::{COMPLAINT_MS, OPEN_TRIES_MAX};

/// What a path that names a folder, and says so by its last slash, is answered with.
const INDEX: &str = "index.html";

/// The folder, and the files that are being sent from it: one a connection at most.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    folder: Folder,
    open: HashMap<ConnId, SentFile>,
    /// Nothing is complained of until then.
    quiet_until: Millis,
}

/// What the path led to when it was last looked at.
#[derive(Debug)]
struct Folder {
    descriptor: OwnedFd,
    device: u64,
    inode: u64,
}

/// A file that is being sent.
#[derive(Debug)]
struct SentFile {
    file: File,
    /// What was told of it: what is sent has to be that.
    info: FileInfo,
}

impl Files {
    /// Serves the folder at `path`, if it is one and we may read it.
    pub fn new(path: &Path) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        let path = path.to_owned();
        Ok(Self { path, folder, open: HashMap::new(), quiet_until: Millis(0) })
    }

    /// Opens the file that `path` names, for `conn`; one that it had open before is closed.
    ///
    /// `path` is relative and percent-decoded. What may not be read is `NotFound`, like what is not
    /// there: a stranger learns nothing about the machine from the difference. What only an
    /// operator can mend is `Unreadable`, and logged.
    pub fn open(&mut self, conn: ConnId, path: &str, now: Millis) -> Result<FileInfo, FileError> {
        self.close(conn);
        self.look_at_folder();
        let index = if path.is_empty() || path.ends_with('/') { INDEX } else { "" };
        let full = CString::new(format!("{path}{index}")).map_err(|_| FileError::NotFound)?;
        let found = self.resolve(&full).and_then(|descriptor| {
            let file = File::from(descriptor);
            Ok((file.metadata()?, file))
        });
        let (facts, file) = match found {
            Ok(found) => found,
            Err(error) => return Err(self.offence(path, &error, now)),
        };
        if facts.is_dir() {
            return Err(FileError::IsDirectory);
        }
        if !facts.is_file() {
            return Err(FileError::NotFound); // A FIFO or a device has no length to announce.
        }
        let info = info(&facts);
        self.open.insert(conn, SentFile { file, info });
        Ok(info)
    }

    /// Reads `length` bytes from `offset`, or fewer if the file ends before: it may have shrunk.
    pub fn read(
        &mut self,
        conn: ConnId,
        offset: u64,
        length: usize,
        now: Millis,
    ) -> Result<Vec<u8>, FileError> {
        let SentFile { file, info } = self.open.get(&conn).ok_or(FileError::Unreadable)?;
        let mut bytes = vec![0; length];
        match read_at(file, offset, &mut bytes).and_then(|n| Ok((n, file.metadata()?))) {
            // Looked at behind the reading: what was read before that is of the same version.
            Ok((_, facts)) if is_rewritten(info, &self::info(&facts)) => Err(FileError::Changed),
            Ok((filled, _)) => {
                bytes.truncate(filled);
                Ok(bytes)
            }
            Err(error) => {
                self.complain("a file that is being sent", &error, now);
                Err(FileError::Unreadable)
            }
        }
    }

    /// Lets go of what `conn` had open, if anything.
    pub fn close(&mut self, conn: ConnId) {
        self.open.remove(&conn);
    }

    /// A new release may have taken the folder's place, or the link that leads to it another turn.
    /// While there is nothing, what was there is served.
    fn look_at_folder(&mut self) {
        let is_new = std::fs::metadata(&self.path).is_ok_and(|facts| {
            (facts.dev(), facts.ino()) != (self.folder.device, self.folder.inode)
        });
        if is_new && let Ok(folder) = Folder::open(&self.path) {
            self.folder = folder;
        }
    }

    fn resolve(&self, path: &CString) -> io::Result<OwnedFd> {
        let root = &self.folder.descriptor;
        let mut opened = sys::open_beneath(root, path);
        for _ in 1..OPEN_TRIES_MAX {
            match &opened {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    opened = sys::open_beneath(root, path);
                }
                Ok(_) | Err(_) => break,
            }
        }
        opened
    }

    /// What a stranger is told about a path that could not be opened. Only a fault of ours shows:
    /// no descriptors left, no memory, a broken disk.
    fn offence(&mut self, path: &str, error: &io::Error, now: Millis) -> FileError {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO) => {
                self.complain(&format!("{path:?} below --static"), error, now);
                FileError::Unreadable
            }
            Some(_) | None => FileError::NotFound,
        }
    }

    /// Says what cannot be read, and why, if nothing was said of late.
    fn complain(&mut self, what: &str, error: &io::Error, now: Millis) {
        if now >= self.quiet_until {
            self.quiet_until = now.plus(COMPLAINT_MS);
            log::error!("{what} cannot be read: {error}");
        }
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let facts = file.metadata()?;
        let folder = Self { descriptor: file.into(), device: facts.dev(), inode: facts.ino() };
        // The same call that strangers cause later, at the start while an operator is looking: it
        // tells a file from a folder, and a kernel that is too old from one that is not.
        sys::open_beneath(&folder.descriptor, c".")?;
        Ok(folder)
    }
}

/// Whether something was written between the two. The time that the system keeps says nothing of
/// that: it also changes when a name is taken from the file, as when another takes its place.
fn is_rewritten(before: &FileInfo, now: &FileInfo) -> bool {
    let written = |info: &FileInfo| (info.length, info.modified_s, info.modified_ns);
    written(before) != written(now)
}

fn info(facts: &Metadata) -> FileInfo {
    FileInfo {
        length: facts.len(),
        modified_s: facts.mtime(),
        modified_ns: u32::try_from(facts.mtime_nsec()).unwrap_or(0),
        changed_s: facts.ctime(),
        changed_ns: u32::try_from(facts.ctime_nsec()).unwrap_or(0),
        inode: facts.ino(),
    }
}

/// Fills `bytes` with what is at `offset`, as far as the file goes; gives how many there are.
fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    const CONN: ConnId = ConnId { slot: 0, generation: 0 };
    const NOW: Millis = Millis(0);

    /// A folder that is gone when the test is: `public` in it is served, `secret` is not.
    struct TestFolder(PathBuf);

    impl TestFolder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("tollway-files-{}-{count}", std::process::id());
            let folder = Self(std::env::temp_dir().join(name));
            fs::create_dir_all(folder.0.join("public/sub")).expect("a temporary folder");
            folder.write("secret", "secret");
            folder.write("public/page.html", "<p>page");
            folder.write("public/index.html", "<p>index");
            folder.write("public/sub/index.html", "<p>sub");
            folder
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).expect("a temporary file");
        }

        fn link(&self, target: impl AsRef<Path>, path: &str) {
            symlink(target, self.0.join("public").join(path)).expect("a link");
        }

        fn files(&self) -> Files {
            Files::new(&self.0.join("public")).expect("it is there")
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn text(files: &mut Files, path: &str) -> Result<String, FileError> {
        let info = files.open(CONN, path, NOW)?;
        let bytes = files.read(CONN, 0, 1_000, NOW)?;
        assert_eq!(bytes.len() as u64, info.length);
        Ok(String::from_utf8(bytes).expect("we wrote text"))
    }

    #[test]
    fn files_and_indexes_are_found() {
        let folder = TestFolder::new();
        let mut files = folder.files();
        for (path, content) in [
            ("page.html", "<p>page"),
            ("", "<p>index"),
            ("sub/", "<p>sub"),
            ("sub/../page.html", "<p>page"),
        ] {
            assert_eq!(text(&mut files, path).as_deref(), Ok(content), "{path:?}");
        }
        assert_eq!(text(&mut files, "sub"), Err(FileError::IsDirectory));
    }

    #[test]
    fn no_path_leaves_the_folder() {
        let folder = TestFolder::new();
        folder.link("../secret", "out");
        folder.link(folder.0.join("secret"), "absolute");
        folder.link("..", "up");
        folder.link("loop", "loop");
        folder.link("page.html", "inside");
        let mut files = folder.files();
        let absolute = folder.0.join("secret").display().to_string();
        let deep = "../".repeat(40) + "etc/passwd";
        for path in [
            "../secret",
            "sub/../../secret",
            "sub/../../public/page.html",
            "/etc/passwd",
            "//etc/passwd",
            &absolute,
            &deep,
            "out",
            "absolute",
            "up/secret",
            "loop",
            "page.html/",
            "page.html/x",
            "page.html\0",
            "missing",
            "missing/",
            &"x".repeat(5_000),
        ] {
            assert_eq!(text(&mut files, path), Err(FileError::NotFound), "{path:?}");
        }
        assert_eq!(text(&mut files, "inside").as_deref(), Ok("<p>page"), "links within are fine");
    }

    #[test]
    fn what_is_no_file_is_not_found_and_holds_nobody_up() {
        let folder = TestFolder::new();
        let made = std::process::Command::new("mkfifo").arg(folder.0.join("public/fifo")).status();
        assert!(made.expect("coreutils").success());
        assert_eq!(text(&mut folder.files(), "fifo"), Err(FileError::NotFound));
    }

    #[test]
    fn pieces_are_read_where_they_are() {
        let folder = TestFolder::new();
        let mut files = folder.files();
        assert_eq!(files.read(CONN, 0, 4, NOW), Err(FileError::Unreadable), "nothing is open");
        files.open(CONN, "page.html", NOW).expect("it is there");
        assert_eq!(files.read(CONN, 3, 2, NOW).as_deref(), Ok(&b"pa"[..]));
        assert_eq!(files.read(CONN, 5, 100, NOW).as_deref(), Ok(&b"ge"[..]));
        assert_eq!(files.read(CONN, 100, 5, NOW).as_deref(), Ok(&b""[..]));
        files.close(CONN);
        assert!(files.open.is_empty());
    }

    #[test]
    fn only_a_folder_can_be_served() {
        let folder = TestFolder::new();
        assert!(Files::new(&folder.0.join("secret")).is_err());
        assert!(Files::new(&folder.0.join("missing")).is_err());
    }

    #[test]
    fn another_version_is_not_sent_as_the_one_that_was_told_of() {
        let folder = TestFolder::new();
        let mut files = folder.files();
        files.open(CONN, "page.html", NOW).expect("it is there");
        assert_eq!(files.read(CONN, 0, 3, NOW).as_deref(), Ok(&b"<p>"[..]));
        // Of the same length, and in its place, as `cp` writes.
        let page = File::options().write(true).open(folder.0.join("public/page.html"));
        let page = page.expect("it is there");
        page.write_at(b"<p>PAGE", 0).expect("it may be written");
        // The kernel's clock may not have gone on since it was made.
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        page.set_modified(long_ago).expect("it is ours");
        assert_eq!(files.read(CONN, 3, 4, NOW), Err(FileError::Changed));
        assert_eq!(text(&mut files, "page.html").as_deref(), Ok("<p>PAGE"));
        // A file that takes its place is another one: the first is sent to its end.
        folder.write("new", "<p>NEW!");
        fs::rename(folder.0.join("new"), folder.0.join("public/page.html")).expect("a place");
        assert_eq!(files.read(CONN, 3, 4, NOW).as_deref(), Ok(&b"PAGE"[..]));
        assert_eq!(text(&mut files, "page.html").as_deref(), Ok("<p>NEW!"));
    }

    #[test]
    fn a_folder_that_takes_the_place_of_the_first_is_served() {
        let folder = TestFolder::new();
        fs::create_dir(folder.0.join("next")).expect("a folder");
        folder.write("next/page.html", "<p>next");
        symlink("public", folder.0.join("current")).expect("a link");
        let mut files = Files::new(&folder.0.join("current")).expect("it is there");
        assert_eq!(text(&mut files, "page.html").as_deref(), Ok("<p>page"));
        symlink("next", folder.0.join("link")).expect("a link");
        fs::rename(folder.0.join("link"), folder.0.join("current")).expect("one step");
        assert_eq!(text(&mut files, "page.html").as_deref(), Ok("<p>next"));
        fs::remove_file(folder.0.join("current")).expect("it is there");
        assert_eq!(text(&mut files, "page.html").as_deref(), Ok("<p>next"), "for now");
    }
}
