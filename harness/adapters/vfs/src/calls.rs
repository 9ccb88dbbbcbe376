//! What SQLite calls: each function takes what it is given out of its pointers, and has the rest done by a safe one.

use crate::locks::{Hold, Level};
use crate::open::{How, Open, sync_directory_of};
use crashcheck::fs;
use libsqlite3_sys::{
    self as ffi, SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_IOERR_DELETE, SQLITE_IOERR_DELETE_NOENT,
    SQLITE_IOERR_FSTAT, SQLITE_IOERR_FSYNC, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ,
    SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE, SQLITE_OK, sqlite3_file, sqlite3_io_methods, sqlite3_vfs,
};
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

const NAME: &CStr = c"crashcheck";

/// The longest path.
const PATH: c_int = 4096;

/// Writes tear at this, as files do under `posix`; as SQLite assumes for Unix.
const SECTOR: c_int = 4096;

/// The first moment of 2000, in milliseconds of the Julian day.
const NOW: i64 = 211_813_444_800_000;

/// The VFS, by its name; SQLite knows it from the first call on.
///
/// # Panics
/// If SQLite has no memory left for it.
pub fn vfs() -> &'static CStr {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let vfs = Box::into_raw(Box::new(sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<Handle>() as c_int,
            mxPathname: PATH,
            pNext: null_mut(),
            zName: NAME.as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(x_open),
            xDelete: Some(x_delete),
            xAccess: Some(x_access),
            xFullPathname: Some(x_full_pathname),
            xDlOpen: Some(x_dl_open),
            xDlError: Some(x_dl_error),
            xDlSym: Some(x_dl_sym),
            xDlClose: Some(x_dl_close),
            xRandomness: Some(x_randomness),
            xSleep: Some(x_sleep),
            xCurrentTime: Some(x_current_time),
            xGetLastError: Some(x_get_last_error),
            xCurrentTimeInt64: Some(x_current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: it is never freed, and all of it that version 2 has is there.
        let registered = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(registered, SQLITE_OK, "SQLite does not take the VFS");
    });
    NAME
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: Some(x_shm_map),
    xShmLock: Some(x_shm_lock),
    xShmBarrier: Some(x_shm_barrier),
    xShmUnmap: Some(x_shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// An open file as SQLite has it: it gives the memory, and knows the first part.
#[repr(C)]
struct Handle {
    base: sqlite3_file,
    open: ManuallyDrop<Open>,
}

/// What a call comes to; one that panics comes to `failed`, since SQLite cannot be unwound.
fn code(failed: c_int, call: impl FnOnce() -> Result<(), c_int>) -> c_int {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => SQLITE_OK,
        Ok(Err(code)) => code,
        Err(_) => failed,
    }
}

/// As [`code`], for what fails in one way.
fn done(failed: c_int, call: impl FnOnce() -> io::Result<()>) -> c_int {
    code(failed, || call().map_err(|_| failed))
}

/// A path that SQLite gives.
///
/// # Safety
/// It is null, or ends with a zero and outlives what is made of it.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: as above.
    let name = unsafe { (!name.is_null()).then(|| CStr::from_ptr(name)) }?;
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

/// The file that is called upon.
///
/// # Safety
/// `x_open` has opened it, `x_close` has not closed it, and nobody else calls upon it meanwhile, as SQLite sees to.
unsafe fn open<'a>(file: *mut sqlite3_file) -> &'a mut Open {
    // SAFETY: it is the first part of a handle that `x_open` has filled.
    unsafe { &mut (*file.cast::<Handle>()).open }
}

unsafe extern "C" fn x_open(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let has = |flag: c_int| flags & flag != 0;
    let how = How {
        write: has(ffi::SQLITE_OPEN_READWRITE),
        create: has(ffi::SQLITE_OPEN_CREATE),
        create_new: has(ffi::SQLITE_OPEN_CREATE) && has(ffi::SQLITE_OPEN_EXCLUSIVE),
        temporary: has(ffi::SQLITE_OPEN_DELETEONCLOSE),
        is_log: has(ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL),
    };
    // SAFETY: SQLite gives memory for a handle. Without methods it does not close what was not opened.
    unsafe { (*file).pMethods = std::ptr::null() };
    done(SQLITE_CANTOPEN, || {
        // SAFETY: a name that SQLite gives is null or ends with a zero.
        let opened = Open::new(unsafe { path(name) }, how)?;
        let handle = Handle { base: sqlite3_file { pMethods: &METHODS }, open: ManuallyDrop::new(opened) };
        // SAFETY: the memory is as long as `szOsFile` says, aligned for pointers, and holds nothing to be dropped.
        unsafe { file.cast::<Handle>().write(handle) };
        if !out_flags.is_null() {
            // SAFETY: it is not null.
            unsafe { *out_flags = flags };
        }
        Ok(())
    })
}

unsafe extern "C" fn x_close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is open; SQLite calls nothing of it after this, so it is taken out once.
    let opened = unsafe {
        (*file).pMethods = std::ptr::null();
        ManuallyDrop::take(&mut (*file.cast::<Handle>()).open)
    };
    done(SQLITE_IOERR, || opened.close())
}

unsafe extern "C" fn x_delete(_vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    code(SQLITE_IOERR_DELETE, || {
        // SAFETY: as in `x_open`.
        let path = unsafe { path(name) }.ok_or(SQLITE_IOERR_DELETE)?;
        fs::remove_file(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SQLITE_IOERR_DELETE_NOENT,
            _ => SQLITE_IOERR_DELETE,
        })?;
        match sync_directory {
            0 => Ok(()),
            _ => sync_directory_of(path).map_err(|_| SQLITE_IOERR_FSYNC),
        }
    })
}

/// An empty file is none to SQLite's VFS for Unix, if it is asked whether there is one.
unsafe extern "C" fn x_access(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    code(SQLITE_IOERR, || {
        // SAFETY: as in `x_open`.
        let path = unsafe { path(name) }.ok_or(SQLITE_IOERR)?;
        let is_there = match fs::metadata(path) {
            Ok(found) => flags != ffi::SQLITE_ACCESS_EXISTS || !found.is_file() || found.len() > 0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(_) => return Err(ffi::SQLITE_IOERR_ACCESS),
        };
        // SAFETY: SQLite gives a place for the answer.
        unsafe { *out = c_int::from(is_there) };
        Ok(())
    })
}

unsafe extern "C" fn x_full_pathname(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    done(SQLITE_CANTOPEN, || {
        // SAFETY: as in `x_open`.
        let path = unsafe { path(name) }.ok_or(io::ErrorKind::InvalidInput)?;
        let path = std::path::absolute(path)?;
        let bytes = path.as_os_str().as_bytes();
        if bytes.len() >= len as usize {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        // SAFETY: there is room for `len` bytes, one more than the path has at least.
        unsafe {
            out.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len());
            out.add(bytes.len()).write(0);
        }
        Ok(())
    })
}

unsafe extern "C" fn x_read(file: *mut sqlite3_file, out: *mut c_void, len: c_int, at: i64) -> c_int {
    code(SQLITE_IOERR_READ, || {
        // SAFETY: the file is open, and there is room for `len` bytes.
        let (opened, bytes) =
            unsafe { (open(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), len as usize)) };
        let read = opened.read(bytes, at as u64).map_err(|_| SQLITE_IOERR_READ)?;
        if read < bytes.len() {
            bytes[read..].fill(0);
            return Err(SQLITE_IOERR_SHORT_READ);
        }
        Ok(())
    })
}

unsafe extern "C" fn x_write(file: *mut sqlite3_file, data: *const c_void, len: c_int, at: i64) -> c_int {
    // SAFETY: the file is open, and SQLite gives `len` bytes.
    let (opened, bytes) =
        unsafe { (open(file), std::slice::from_raw_parts(data.cast::<u8>(), len as usize)) };
    done(SQLITE_IOERR_WRITE, || opened.write(bytes, at as u64))
}

unsafe extern "C" fn x_truncate(file: *mut sqlite3_file, len: i64) -> c_int {
    // SAFETY: the file is open.
    let opened = unsafe { open(file) };
    done(SQLITE_IOERR_TRUNCATE, || opened.set_len(len as u64))
}

unsafe extern "C" fn x_sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let opened = unsafe { open(file) };
    done(SQLITE_IOERR_FSYNC, || opened.sync())
}

unsafe extern "C" fn x_file_size(file: *mut sqlite3_file, out: *mut i64) -> c_int {
    done(SQLITE_IOERR_FSTAT, || {
        // SAFETY: the file is open, and SQLite gives a place for the answer.
        unsafe { *out = open(file).len()? as i64 };
        Ok(())
    })
}

fn level_of(level: c_int) -> Level {
    match level {
        ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn x_lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: the file is open.
    let opened = unsafe { open(file) };
    code(SQLITE_IOERR, || opened.locks.raise(level_of(level)).map_err(|_| SQLITE_BUSY))
}

unsafe extern "C" fn x_unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: the file is open.
    unsafe { open(file) }.locks.lower(level_of(level));
    SQLITE_OK
}

unsafe extern "C" fn x_check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: the file is open, and SQLite gives a place for the answer.
    unsafe { *out = c_int::from(open(file).locks.is_reserved()) };
    SQLITE_OK
}

unsafe extern "C" fn x_file_control(_file: *mut sqlite3_file, _op: c_int, _arg: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn x_sector_size(_file: *mut sqlite3_file) -> c_int {
    SECTOR
}

/// What SQLite's VFS for Unix says of every file.
unsafe extern "C" fn x_device_characteristics(_file: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn x_shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open, and SQLite gives a place for the answer. The memory may be written through the pointer, as
    // atomics may be, and stays until nobody has it mapped.
    unsafe {
        let region = open(file).locks.region(region as usize, bytes as usize, extend != 0);
        *out = region.map_or(null_mut(), |region| region.cast_mut().cast());
    }
    SQLITE_OK
}

unsafe extern "C" fn x_shm_lock(file: *mut sqlite3_file, from: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let locks = unsafe { &mut open(file).locks };
    let slots = from as usize..(from + count) as usize;
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        locks.give_back(slots);
        return SQLITE_OK;
    }
    let hold = if flags & ffi::SQLITE_SHM_EXCLUSIVE != 0 { Hold::Alone } else { Hold::WithOthers };
    code(SQLITE_IOERR, || locks.take(slots, hold).map_err(|_| SQLITE_BUSY))
}

unsafe extern "C" fn x_shm_barrier(_file: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn x_shm_unmap(file: *mut sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: the file is open.
    unsafe { open(file) }.locks.unmap();
    SQLITE_OK
}

unsafe extern "C" fn x_dl_open(_vfs: *mut sqlite3_vfs, _name: *const c_char) -> *mut c_void {
    null_mut()
}

unsafe extern "C" fn x_dl_error(_vfs: *mut sqlite3_vfs, len: c_int, out: *mut c_char) {
    let message = c"extensions are not loaded through this VFS".to_bytes_with_nul();
    if message.len() <= len as usize {
        // SAFETY: there is room for `len` bytes.
        unsafe { out.copy_from_nonoverlapping(message.as_ptr().cast(), message.len()) };
    }
}

type Symbol = unsafe extern "C" fn(*mut sqlite3_vfs, *mut c_void, *const c_char);

unsafe extern "C" fn x_dl_sym(_: *mut sqlite3_vfs, _: *mut c_void, _: *const c_char) -> Option<Symbol> {
    None
}

unsafe extern "C" fn x_dl_close(_vfs: *mut sqlite3_vfs, _library: *mut c_void) {}

/// SQLite asks the VFS that is its default for the seed of all its random numbers, so not this one.
unsafe extern "C" fn x_randomness(_vfs: *mut sqlite3_vfs, len: c_int, out: *mut c_char) -> c_int {
    // SAFETY: there is room for `len` bytes.
    unsafe { out.write_bytes(0, len as usize) };
    len
}

unsafe extern "C" fn x_sleep(_vfs: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(microseconds as u64));
    microseconds
}

unsafe extern "C" fn x_current_time(_vfs: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = NOW as f64 / 86_400_000.0 };
    SQLITE_OK
}

unsafe extern "C" fn x_current_time_int64(_vfs: *mut sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *out = NOW };
    SQLITE_OK
}

unsafe extern "C" fn x_get_last_error(_vfs: *mut sqlite3_vfs, _len: c_int, _out: *mut c_char) -> c_int {
    0
}
