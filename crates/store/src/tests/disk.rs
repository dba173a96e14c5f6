//! A disk between SQLite and the machine's: it writes down all that reaches it, counts syncs that completed, and fails
//! when it is told to.
//!
//! Always: what it answers to SQLite is what the real disk answered, but for the faults that were asked for; a sync is
//! written down after it completed. Memory that connections share is passed on and not written down: a crash loses it.

#![expect(unsafe_code, reason = "SQLite asks for its disk as a table of C functions")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, Once};

use rusqlite::ffi;

use crate::sqlite::Through;

/// What reached the disk, in order. Files are called by the end of their path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Write {
        file: String,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        size: u64,
    },
    Sync {
        file: String,
    },
    /// What it was to carry to the disk may never get there, though the machine takes it for written from here on.
    SyncFailed {
        file: String,
    },
    Delete {
        file: String,
    },
    /// A word of the test's: the call with this number was acknowledged.
    Acknowledged(u64),
}

/// What a cut leaves whole or not at all, unless it tears it.
const PART: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Write,
    /// A write for which there is no room.
    Full,
    Sync,
}

/// The `nth` act from now, by this thread on a file with this end, fails; later ones succeed again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) act: Act,
    pub(super) thread: &'static str,
    pub(super) file: &'static str,
    pub(super) nth: u32,
}

#[derive(Debug, Default)]
struct State {
    log: Vec<Event>,
    syncs: BTreeMap<String, u64>,
    fault: Option<Fault>,
    failed: u64,
}

#[derive(Debug)]
pub(super) struct Disk {
    name: CString,
    real: *mut ffi::sqlite3_vfs,
    state: Mutex<State>,
}

// SAFETY: `real` points to SQLite's own VFS, which lives as long as the process and may be used by every thread.
unsafe impl Send for Disk {}
// SAFETY: as above; what changes is behind the mutex.
unsafe impl Sync for Disk {}

impl Disk {
    /// Makes a disk that SQLite knows by [`Disk::name`]. It lives as long as the process, as SQLite demands.
    pub(super) fn new(name: &str) -> &'static Disk {
        static STARTED: Once = Once::new();
        // SAFETY: these functions may be called at any time, from any thread.
        let real = unsafe {
            STARTED.call_once(|| assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK));
            ffi::sqlite3_vfs_find(std::ptr::null())
        };
        assert!(!real.is_null(), "SQLite has a disk of its own");
        let disk = Box::leak(Box::new(Disk { name: CString::new(name).unwrap(), real, state: Mutex::default() }));
        // SAFETY: `real` is valid, and the copy differs from it in what has to differ. The functions that are copied
        // look at nothing in the table they are called with.
        let vfs = unsafe {
            ffi::sqlite3_vfs {
                szOsFile: (size_of::<File>() as c_int) + (*real).szOsFile,
                pNext: std::ptr::null_mut(),
                zName: disk.name.as_ptr(),
                pAppData: std::ptr::from_ref::<Disk>(disk).cast_mut().cast(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*real
            }
        };
        // SAFETY: the table is never freed.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
        assert_eq!(registered, ffi::SQLITE_OK);
        disk
    }

    pub(super) fn name(&self) -> &str {
        self.name.to_str().unwrap()
    }

    /// Completed syncs of the file with this end.
    pub(super) fn syncs(&self, file: &str) -> u64 {
        self.state().syncs.get(file).copied().unwrap_or_default()
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }

    /// How many acts failed because they were told to.
    pub(super) fn failed(&self) -> u64 {
        self.state().failed
    }

    pub(super) fn acknowledged(&self, call: u64) {
        self.state().log.push(Event::Acknowledged(call));
    }

    pub(super) fn log(&self) -> Vec<Event> {
        self.state().log.clone()
    }

    /// This disk, for books in `folder`: SQLite's part of it, and the sync of the log, which the books do themselves.
    pub(super) fn through(&'static self, folder: &Path) -> Through<'static> {
        let log = folder.join("ledger.db-wal");
        let sync = move || {
            let file = "ledger.db-wal".to_owned();
            if self.fails(Act::Sync, &file) {
                self.state().log.push(Event::SyncFailed { file });
                return Err(std::io::Error::from_raw_os_error(libc::EIO));
            }
            std::fs::File::open(&log)?.sync_data()?;
            let mut state = self.state();
            *state.syncs.entry(file.clone()).or_default() += 1;
            state.log.push(Event::Sync { file });
            Ok(())
        };
        Through { vfs: self.name(), sync: Box::new(sync) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn fails(&self, act: Act, file: &str) -> bool {
        let mut state = self.state();
        let Some(fault) = &mut state.fault else { return false };
        if fault.act != act || fault.file != file || std::thread::current().name() != Some(fault.thread) {
            return false;
        }
        fault.nth -= 1;
        if fault.nth > 0 {
            return false;
        }
        state.fault = None;
        state.failed += 1;
        true
    }
}

/// An open file: ours, and behind it in the same piece of memory the real one.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    disk: &'static Disk,
    /// Made by `open`, freed by `close`.
    name: *mut String,
}

/// # Safety
/// `file` was opened by [`open`] and is not closed.
unsafe fn ours(file: *mut ffi::sqlite3_file) -> (&'static Disk, String) {
    // SAFETY: the caller's promise.
    unsafe {
        let file = file.cast::<File>();
        ((*file).disk, (*(*file).name).clone())
    }
}

/// # Safety
/// As [`ours`].
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite gave `szOsFile` bytes, the real file lies behind ours.
    unsafe { file.cast::<File>().add(1).cast() }
}

fn end_of(path: &CStr) -> String {
    Path::new(path.to_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
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
        let disk: &'static Disk = &*(*vfs).pAppData.cast::<Disk>();
        let real = real(file);
        let answer = ((*disk.real).xOpen.unwrap())(disk.real, path, real, flags, out);
        (*file).pMethods = std::ptr::null();
        if !(*real).pMethods.is_null() {
            let name = if path.is_null() { "temporary".to_owned() } else { end_of(CStr::from_ptr(path)) };
            file.cast::<File>().write(File {
                base: ffi::sqlite3_file { pMethods: &METHODS },
                disk,
                name: Box::into_raw(Box::new(name)),
            });
        }
        answer
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let disk = &*(*vfs).pAppData.cast::<Disk>();
        let answer = ((*disk.real).xDelete.unwrap())(disk.real, path, sync);
        if answer == ffi::SQLITE_OK {
            disk.state().log.push(Event::Delete { file: end_of(CStr::from_ptr(path)) });
        }
        answer
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, so the name is freed once.
    unsafe {
        let real = real(file);
        let answer = ((*(*real).pMethods).xClose.unwrap())(real);
        drop(Box::from_raw((*file.cast::<File>()).name));
        (*file).pMethods = std::ptr::null();
        answer
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, size: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite gives `size` readable bytes.
    unsafe {
        let (disk, name) = ours(file);
        if disk.fails(Act::Write, &name) {
            return ffi::SQLITE_IOERR_WRITE;
        }
        if disk.fails(Act::Full, &name) {
            return ffi::SQLITE_FULL;
        }
        let real = real(file);
        let answer = ((*(*real).pMethods).xWrite.unwrap())(real, from, size, offset);
        if answer == ffi::SQLITE_OK {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), size as usize);
            // A cut leaves any part of a large write, so it is written down in parts.
            let mut state = disk.state();
            for (part, bytes) in bytes.chunks(PART).enumerate() {
                let offset = offset as u64 + (part * PART) as u64;
                state.log.push(Event::Write { file: name.clone(), offset, bytes: bytes.to_vec() });
            }
        }
        answer
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: `file` is open.
    unsafe {
        let real = real(file);
        let answer = ((*(*real).pMethods).xTruncate.unwrap())(real, size);
        if answer == ffi::SQLITE_OK {
            let (disk, file) = ours(file);
            disk.state().log.push(Event::Truncate { file, size: size as u64 });
        }
        answer
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: `file` is open.
    unsafe {
        let (disk, name) = ours(file);
        if disk.fails(Act::Sync, &name) {
            disk.state().log.push(Event::SyncFailed { file: name });
            return ffi::SQLITE_IOERR_FSYNC;
        }
        let real = real(file);
        let answer = ((*(*real).pMethods).xSync.unwrap())(real, flags);
        if answer == ffi::SQLITE_OK {
            let mut state = disk.state();
            *state.syncs.entry(name.clone()).or_default() += 1;
            state.log.push(Event::Sync { file: name });
        }
        answer
    }
}

/// Methods that only hand on to the real file.
macro_rules! hand_on {
    ($($name:ident = $method:ident($($arg:ident: $type:ty),*) $(-> $answer:ty)?;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($arg: $type),*) $(-> $answer)? {
            // SAFETY: `file` is open, and the arguments are SQLite's own.
            unsafe {
                let real = real(file);
                ((*(*real).pMethods).$method.unwrap())(real, $($arg),*)
            }
        }
    )*};
}

hand_on! {
    read = xRead(to: *mut c_void, size: c_int, offset: i64) -> c_int;
    file_size = xFileSize(size: *mut i64) -> c_int;
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(held: *mut c_int) -> c_int;
    file_control = xFileControl(op: c_int, arg: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    device_characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, at: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, n: c_int, flags: c_int) -> c_int;
    shm_barrier = xShmBarrier();
    shm_unmap = xShmUnmap(delete: c_int) -> c_int;
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // The second version: with shared memory, without mapped files.
    iVersion: 2,
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
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
