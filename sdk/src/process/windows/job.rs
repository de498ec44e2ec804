//! A Job Object: the system's own list of a process and all that it starts, which end together.
//!
//! The only unsafe code of this crate, for the standard library knows no jobs and cannot go on with a
//! process that it started suspended.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use tokio::process::Child;
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{OpenThread, ResumeThread, THREAD_SUSPEND_RESUME};
use windows_sys::core::BOOL;

/// What is left of a process that was killed with its job.
const KILLED: u32 = 1;

/// A job whose processes end with its last handle. The handle is not inherited, so that is when the job is
/// dropped, or when this program ends in whatever way.
pub(super) struct Job(OwnedHandle);

impl Job {
    /// Makes a job with nobody in it.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: It may be called without attributes and without a name.
        let job = Self(owned(unsafe { CreateJobObjectW(ptr::null(), ptr::null()) })?);
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
        // SAFETY: The handle is open, and the type and the size are those that this class of limits has.
        let done = unsafe {
            SetInformationJobObject(
                job.0.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size,
            )
        };
        checked(done)?;
        Ok(job)
    }

    /// Takes a process into the job, and with it all that it starts from now on.
    pub(super) fn adopt(&self, child: &Child) -> io::Result<()> {
        let Some(process) = child.raw_handle() else { return Err(ended()) };
        // SAFETY: Both handles are open: one is ours, the other the child's, which is borrowed.
        checked(unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) })
    }

    /// Ends whoever is in the job.
    pub(super) fn terminate(&self) -> io::Result<()> {
        // SAFETY: The handle is open.
        checked(unsafe { TerminateJobObject(self.0.as_raw_handle(), KILLED) })
    }
}

/// Lets a process run that was started suspended. Its only thread is looked up among all there are, because the
/// standard library keeps the handle of it to itself.
pub(super) fn resume(child: &Child) -> io::Result<()> {
    let Some(process) = child.id() else { return Err(ended()) };
    // SAFETY: It takes no pointers; a snapshot of threads is of the whole system, so there is no id either.
    let snapshot = owned(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) })?;
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..THREADENTRY32::default() };
    // SAFETY: The handle is open, and the entry tells its size.
    let mut more = unsafe { Thread32First(snapshot.as_raw_handle(), &raw mut entry) };
    let mut resumed = false;
    while more != 0 {
        if entry.th32OwnerProcessID == process {
            resume_thread(entry.th32ThreadID)?;
            resumed = true;
        }
        // SAFETY: As for the first.
        more = unsafe { Thread32Next(snapshot.as_raw_handle(), &raw mut entry) };
    }
    if resumed { Ok(()) } else { Err(ended()) }
}

/// Lets one thread run.
fn resume_thread(id: u32) -> io::Result<()> {
    // SAFETY: It takes no pointers, and fails when there is no such thread.
    let thread = owned(unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, id) })?;
    // SAFETY: The handle is open and has the right that this asks for.
    let before = unsafe { ResumeThread(thread.as_raw_handle()) };
    if before == u32::MAX { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes a new handle, to be closed when dropped.
fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The handle is open and nobody else's: all callers have just got it from the system.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// What a call of the system came to.
fn checked(done: BOOL) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error for a program that is gone before it could run.
fn ended() -> io::Error {
    io::Error::other("the program ended before it ran")
}
