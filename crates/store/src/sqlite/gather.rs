//! A disk for the books' writer: what a commit writes into the write-ahead log goes to the machine in one piece.
//!
//! SQLite hands a commit over as two small writes for each page, and at hundreds of callers these calls took a third of
//! the writer's time.
//!
//! Always: when the last write of a commit has been answered with success, all of it has reached the machine, so that
//! whoever is shown the commit can read it; nothing is kept back across a read, a size, a cut or a sync of the log; a
//! write that failed late fails the commit it belongs to. Files other than the log are SQLite's own, untouched.

#![expect(unsafe_code, reason = "SQLite asks for its disk as a table of C functions")]

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;

/// The head of a frame in the log, before its page; the size of the database after its commit stands at byte 4, and 0
/// where more frames follow (<https://www.sqlite.org/fileformat2.html#walformat>).
const FRAME_HEAD: usize = 24;
/// What is kept back at most: a larger commit goes in several pieces. SQLite's own disk takes no more than 128 KiB at once.
const MOST: usize = 96 * 1024;

/// The name of this disk over another one, or over the machine's. It lives as long as the process, as SQLite demands.
pub(super) fn over(disk: Option<&str>) -> Option<&'static str> {
    static KNOWN: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let below = disk.unwrap_or_default();
    if let Some(name) = known.get(below) {
        return Some(name);
    }
    let name = register(disk)?;
    known.insert(below.to_owned(), name);
    Some(name)
}

fn register(disk: Option<&str>) -> Option<&'static str> {
    let below = disk.map(CString::new).transpose().ok()?;
    let name = CString::new(format!("gathered-{}", disk.unwrap_or_default())).ok()?;
    // SAFETY: both may be called at any time, from any thread; the name is none or ends with a zero.
    let real = unsafe {
        if ffi::sqlite3_initialize() != ffi::SQLITE_OK {
            return None;
        }
        ffi::sqlite3_vfs_find(below.as_ref().map_or(std::ptr::null(), |name| name.as_ptr()))
    };
    if real.is_null() {
        return None;
    }
    let name: &'static CString = Box::leak(Box::new(name));
    // SAFETY: `real` is valid, and the copy differs from it in what has to differ. Of the functions that are copied
    // none looks at the table it is called with.
    let vfs = unsafe {
        ffi::sqlite3_vfs {
            szOsFile: (size_of::<Log>() as c_int) + (*real).szOsFile,
            pNext: std::ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: real.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            ..*real
        }
    };
    // SAFETY: the table is never freed.
    let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
    (registered == ffi::SQLITE_OK).then(|| name.to_str().unwrap_or_default())
}

/// An open log: ours, and behind it in the same piece of memory the real file.
#[repr(C)]
struct Log {
    base: ffi::sqlite3_file,
    /// Made by `open`, freed by `close`.
    kept: *mut Kept,
}

/// What was written and is not with the machine yet: one stretch of the file.
#[derive(Default)]
struct Kept {
    offset: i64,
    bytes: Vec<u8>,
    /// The frame whose head came last ends a commit.
    ends: bool,
}

impl Kept {
    /// Takes a write, if it goes on where the last one ended. Whether all has to go out now.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let head = bytes.len() == FRAME_HEAD;
        if head {
            self.ends = bytes[4..8] != [0; 4];
        }
        self.bytes.extend_from_slice(bytes);
        (self.ends && !head) || self.bytes.len() >= MOST
    }

    fn follows(&self, offset: i64) -> bool {
        self.bytes.is_empty() || self.offset + self.bytes.len() as i64 == offset
    }
}

/// # Safety
/// `file` was opened by [`open`] as a log and is not closed.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gave `szOsFile` bytes, the real file lies behind ours.
    unsafe { file.cast::<Log>().add(1).cast() }
}

/// Hands on what is kept. It is let go of in any case: a commit that failed is not written later.
///
/// # Safety
/// As [`real`].
unsafe fn flush(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the caller's promise; SQLite uses a file in one thread at a time.
    unsafe {
        let kept = &mut *(*file.cast::<Log>()).kept;
        kept.ends = false;
        if kept.bytes.is_empty() {
            return ffi::SQLITE_OK;
        }
        let real = real(file);
        let Some(write) = (*(*real).pMethods).xWrite else { return ffi::SQLITE_IOERR_WRITE };
        let mut offset = kept.offset;
        let mut answer = ffi::SQLITE_OK;
        for piece in kept.bytes.chunks(MOST) {
            answer = write(real, piece.as_ptr().cast(), piece.len() as c_int, offset);
            if answer != ffi::SQLITE_OK {
                break;
            }
            offset += piece.len() as i64;
        }
        kept.bytes.clear();
        answer
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls this with our own table and a piece of memory of our own size.
    unsafe {
        let below: *mut ffi::sqlite3_vfs = (*vfs).pAppData.cast();
        let Some(open) = (*below).xOpen else { return ffi::SQLITE_CANTOPEN };
        if flags & ffi::SQLITE_OPEN_WAL == 0 {
            return open(below, path, file, flags, out);
        }
        let real = real(file);
        (*file).pMethods = std::ptr::null();
        let answer = open(below, path, real, flags, out);
        if !(*real).pMethods.is_null() {
            let kept = Box::into_raw(Box::default());
            file.cast::<Log>().write(Log { base: ffi::sqlite3_file { pMethods: &METHODS }, kept });
        }
        answer
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let below: *mut ffi::sqlite3_vfs = (*vfs).pAppData.cast();
        (*below).xDelete.map_or(ffi::SQLITE_IOERR_DELETE, |delete| delete(below, path, sync))
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, so what is kept is freed once. What lies there belongs to no commit.
    unsafe {
        let real = real(file);
        let answer = (*(*real).pMethods).xClose.map_or(ffi::SQLITE_IOERR_CLOSE, |close| close(real));
        drop(Box::from_raw((*file.cast::<Log>()).kept));
        (*file).pMethods = std::ptr::null();
        answer
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, size: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite gives `size` readable bytes, and uses a file in one thread at a time.
    unsafe {
        if !(*(*file.cast::<Log>()).kept).follows(offset) {
            let answer = flush(file);
            if answer != ffi::SQLITE_OK {
                return answer;
            }
        }
        let kept = &mut *(*file.cast::<Log>()).kept;
        if kept.bytes.is_empty() {
            kept.offset = offset;
        }
        if kept.take(std::slice::from_raw_parts(from.cast(), size as usize)) { flush(file) } else { ffi::SQLITE_OK }
    }
}

/// Methods before which all that is kept goes out, and which then are the real file's.
macro_rules! hand_on {
    ($($name:ident = $method:ident($($arg:ident: $type:ty),*), or $failed:ident;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($arg: $type),*) -> c_int {
            // SAFETY: `file` is open, and the arguments are SQLite's own.
            unsafe {
                let flushed = flush(file);
                if flushed != ffi::SQLITE_OK {
                    return flushed;
                }
                let real = real(file);
                (*(*real).pMethods).$method.map_or(ffi::$failed, |method| method(real, $($arg),*))
            }
        }
    )*};
}

hand_on! {
    read = xRead(to: *mut c_void, size: c_int, offset: i64), or SQLITE_IOERR_READ;
    truncate = xTruncate(size: i64), or SQLITE_IOERR_TRUNCATE;
    sync = xSync(flags: c_int), or SQLITE_IOERR_FSYNC;
    file_size = xFileSize(size: *mut i64), or SQLITE_IOERR_FSTAT;
    lock = xLock(level: c_int), or SQLITE_IOERR_LOCK;
    unlock = xUnlock(level: c_int), or SQLITE_IOERR_UNLOCK;
    check_reserved_lock = xCheckReservedLock(held: *mut c_int), or SQLITE_IOERR_CHECKRESERVEDLOCK;
}

/// Says nothing about the bytes; asked in the middle of a commit.
unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    // SAFETY: `file` is open, and the arguments are SQLite's own.
    unsafe {
        let real = real(file);
        (*(*real).pMethods).xFileControl.map_or(ffi::SQLITE_NOTFOUND, |control| control(real, op, arg))
    }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `file` is open.
    unsafe {
        let real = real(file);
        (*(*real).pMethods).xSectorSize.map_or(0, |size| size(real))
    }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `file` is open.
    unsafe {
        let real = real(file);
        (*(*real).pMethods).xDeviceCharacteristics.map_or(0, |characteristics| characteristics(real))
    }
}

/// The first version: a log is neither mapped nor does it carry shared memory.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};
