//! A Job Object: a set of processes, with all that they start, that end together.
//!
//! This is the only unsafe code of this crate. The standard library does not support jobs and cannot resume
//! a process that it started suspended.
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

/// The exit code of a process that was killed with its job.
const KILLED: u32 = 1;

/// A job whose processes end when its last handle is closed. The handle is not inherited, so that happens
/// when the job is dropped or this program ends for any reason.
pub(super) struct Job(OwnedHandle);

impl Job {
    /// Creates an empty job.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: The attributes and the name are optional.
        let job = Self(owned(unsafe { CreateJobObjectW(ptr::null(), ptr::null()) })?);
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
        // SAFETY: The handle is open, and the type and size match this class of limits.
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

    /// Assigns a process to the job, with everything it starts from now on.
    pub(super) fn adopt(&self, child: &Child) -> io::Result<()> {
        let Some(process) = child.raw_handle() else { return Err(ended()) };
        // SAFETY: Both handles are open: the job's is owned, the child's is borrowed.
        checked(unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) })
    }

    /// Ends all processes of the job.
    pub(super) fn terminate(&self) -> io::Result<()> {
        // SAFETY: The handle is open.
        checked(unsafe { TerminateJobObject(self.0.as_raw_handle(), KILLED) })
    }
}

/// Resumes a process that was started suspended. Its only thread is looked up among all threads, since the
/// standard library does not expose the thread's handle.
pub(super) fn resume(child: &Child) -> io::Result<()> {
    let Some(process) = child.id() else { return Err(ended()) };
    // SAFETY: It has no pointer arguments; a snapshot of threads covers the whole system, so the id is 0.
    let snapshot = owned(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) })?;
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..THREADENTRY32::default() };
    // SAFETY: The handle is open, and the entry contains its size.
    let mut more = unsafe { Thread32First(snapshot.as_raw_handle(), &raw mut entry) };
    let mut resumed = false;
    while more != 0 {
        if entry.th32OwnerProcessID == process {
            resume_thread(entry.th32ThreadID)?;
            resumed = true;
        }
        // SAFETY: As for `Thread32First`.
        more = unsafe { Thread32Next(snapshot.as_raw_handle(), &raw mut entry) };
    }
    if resumed { Ok(()) } else { Err(ended()) }
}

/// Resumes one thread.
fn resume_thread(id: u32) -> io::Result<()> {
    // SAFETY: It has no pointer arguments, and fails if there is no such thread.
    let thread = owned(unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, id) })?;
    // SAFETY: The handle is open and has the required right.
    let before = unsafe { ResumeThread(thread.as_raw_handle()) };
    if before == u32::MAX { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes ownership of a new handle.
fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: The handle is open and has no other owner: all callers have just received it from the system.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Converts the result of a system call.
fn checked(done: BOOL) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error for a program that ended before it could run.
fn ended() -> io::Error {
    io::Error::other("the program ended before it ran")
}
