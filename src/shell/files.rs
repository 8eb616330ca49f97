//! Files of `--static DIR`: opened beneath it, read a piece at a time.
//!
//! Came from: `broker`, by way of its effects, with a path that a stranger wrote. Goes to: the
//! kernel, which resolves the path beneath the folder and nowhere else (see
//! [`sys::open_beneath`]). Absent on purpose: caching, and threads for the disk. A read that is
//! not in the page cache holds up this thread's connections for as long as the disk takes; the
//! folder is for a page and its assets, not for an archive.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::sys;
use crate::broker::{FileError, FileInfo};
use crate::ids::ConnId;
use crate::limits::OPEN_TRIES_MAX;

/// What a path that names a folder, and says so by its last slash, is answered with.
const INDEX: &str = "index.html";

/// The folder, and the files that are being sent from it: one a connection at most.
#[derive(Debug)]
pub struct Files {
    root: OwnedFd,
    open: HashMap<ConnId, File>,
}

impl Files {
    /// Serves `root`, if it is a folder that we may read.
    pub fn new(root: &Path) -> io::Result<Self> {
        let root = OwnedFd::from(File::open(root)?);
        let files = Self { root, open: HashMap::new() };
        // The same call that strangers cause later, now while an operator is looking: it tells a
        // file from a folder, and a kernel that is too old from one that is not.
        sys::open_beneath(&files.root, c".")?;
        Ok(files)
    }

    /// Opens the file that `path` names, for `conn`; one that it had open before is closed.
    ///
    /// `path` is relative and percent-decoded. What may not be read is `NotFound`, like what is not
    /// there: a stranger learns nothing about the machine from the difference.
    pub fn open(&mut self, conn: ConnId, path: &str) -> Result<FileInfo, FileError> {
        self.close(conn);
        let index = if path.is_empty() || path.ends_with('/') { INDEX } else { "" };
        let path = CString::new(format!("{path}{index}")).map_err(|_| FileError::NotFound)?;
        let file = File::from(self.resolve(&path).map_err(|error| offence(&error))?);
        let facts = file.metadata().map_err(|_| FileError::Unreadable)?;
        if facts.is_dir() {
            return Err(FileError::IsDirectory);
        }
        if !facts.is_file() {
            return Err(FileError::NotFound); // A FIFO or a device has no length to announce.
        }
        self.open.insert(conn, file);
        Ok(FileInfo {
            length: facts.len(),
            modified_s: facts.mtime(),
            modified_ns: u32::try_from(facts.mtime_nsec()).unwrap_or(0),
            changed_s: facts.ctime(),
            changed_ns: u32::try_from(facts.ctime_nsec()).unwrap_or(0),
            inode: facts.ino(),
        })
    }

    /// Reads `length` bytes from `offset`, or fewer if the file ends before: it may have shrunk.
    pub fn read(&self, conn: ConnId, offset: u64, length: usize) -> Result<Vec<u8>, FileError> {
        let file = self.open.get(&conn).ok_or(FileError::Unreadable)?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(FileError::Unreadable),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Lets go of what `conn` had open, if anything.
    pub fn close(&mut self, conn: ConnId) {
        self.open.remove(&conn);
    }

    fn resolve(&self, path: &CString) -> io::Result<OwnedFd> {
        let mut opened = sys::open_beneath(&self.root, path);
        for _ in 1..OPEN_TRIES_MAX {
            match &opened {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    opened = sys::open_beneath(&self.root, path);
                }
                Ok(_) | Err(_) => break,
            }
        }
        opened
    }
}

/// What a stranger is told about a path that could not be opened. Only a fault of ours shows:
/// no descriptors left, no memory, a broken disk.
fn offence(error: &io::Error) -> FileError {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO) => FileError::Unreadable,
        Some(_) | None => FileError::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    const CONN: ConnId = ConnId { slot: 0, generation: 0 };

    /// A folder that is gone when the test is: `public` in it is served, `secret` is not.
    struct Folder(PathBuf);

    impl Folder {
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

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn text(files: &mut Files, path: &str) -> Result<String, FileError> {
        let info = files.open(CONN, path)?;
        let bytes = files.read(CONN, 0, 1_000)?;
        assert_eq!(bytes.len() as u64, info.length);
        Ok(String::from_utf8(bytes).expect("we wrote text"))
    }

    #[test]
    fn files_and_indexes_are_found() {
        let folder = Folder::new();
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
        let folder = Folder::new();
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
        let folder = Folder::new();
        let made = std::process::Command::new("mkfifo").arg(folder.0.join("public/fifo")).status();
        assert!(made.expect("coreutils").success());
        assert_eq!(text(&mut folder.files(), "fifo"), Err(FileError::NotFound));
    }

    #[test]
    fn pieces_are_read_where_they_are() {
        let folder = Folder::new();
        let mut files = folder.files();
        assert_eq!(files.read(CONN, 0, 4), Err(FileError::Unreadable), "nothing is open");
        files.open(CONN, "page.html").expect("it is there");
        assert_eq!(files.read(CONN, 3, 2).as_deref(), Ok(&b"pa"[..]));
        assert_eq!(files.read(CONN, 5, 100).as_deref(), Ok(&b"ge"[..]));
        assert_eq!(files.read(CONN, 100, 5).as_deref(), Ok(&b""[..]));
        files.close(CONN);
        assert!(files.open.is_empty());
    }

    #[test]
    fn only_a_folder_can_be_served() {
        let folder = Folder::new();
        assert!(Files::new(&folder.0.join("secret")).is_err());
        assert!(Files::new(&folder.0.join("missing")).is_err());
    }
}
