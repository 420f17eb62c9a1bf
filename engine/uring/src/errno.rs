//! Which refusals of the kernel are the world's and which are ours.

/// Whether the error says that a request of ours was wrong, not that a peer, a route or a full buffer stands in the way.
/// Such an error would come again for ever: it ends the back-end. All others are counted.
pub(crate) const fn is_ours(errno: i32) -> bool {
    matches!(errno, libc::EBADF | libc::ENOTSOCK | libc::EFAULT | libc::EOPNOTSUPP | libc::ENOSYS | libc::EBADFD)
}

/// Whether a run that was refused so may pass as single messages:
/// `EIO` where the device can not make checksums for segments (Linux before 6.2), `EINVAL` where a segment is longer than the
/// device's MTU, which refuses segmentation but not IP fragmentation, `EMSGSIZE` where the run as a whole is too long.
pub(crate) const fn is_of_run(errno: i32) -> bool {
    matches!(errno, libc::EIO | libc::EINVAL | libc::EMSGSIZE)
}

/// Whether the message may pass a moment later: `EAGAIN` where the send buffer is full, `ENOBUFS` where there is no room for the
/// parts of a long one.
pub(crate) const fn is_of_room(errno: i32) -> bool {
    matches!(errno, libc::EAGAIN | libc::ENOBUFS)
}
