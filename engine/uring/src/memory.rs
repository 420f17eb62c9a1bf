//! Pages that the kernel and a back-end share.

use std::io;
use std::ptr::{self, NonNull};

/// Zeroed pages of our own, given back when dropped.
///
/// Not a `Vec`: the buffer ring has to begin at a page, and a page that nothing touched yet costs nothing.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    len: usize,
}

impl Pages {
    /// `len` bytes, at the start of a page.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // Needed: std gives no pages. SAFETY: a private, anonymous mapping at an address that the kernel chooses touches nothing
        // that exists; the result is checked below.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// The first byte: `len` bytes from here are readable and writable as long as `self` lives. What others (the kernel,
    /// references made before) do with them is the caller's to know.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // Needed: the pages came from mmap. SAFETY: `start` and `len` are those of one mapping, which only this value unmaps;
        // whoever made references into it borrows the owner of this value, and the kernel's part is the owner's promise.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
