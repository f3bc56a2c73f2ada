//! What the kernel does with a TCP socket's segments.

use std::os::fd::AsRawFd;

use socket2::Socket;

/// Congestion control that spaces segments out in time.
const PACED: &[u8] = b"bbr";
const UNPACED: &[u8] = b"reno";

/// Takes the socket off a congestion control that paces: it would hold bytes back after they count as sent, and costs a timer
/// each. Messages of a few KB are too small for the choice to matter to the network. Where it is not permitted, the
/// system's own remains.
pub fn avoid_pacing(socket: &Socket) {
    if socket.tcp_congestion().is_ok_and(|name| name.starts_with(PACED)) {
        let _ = socket.set_tcp_congestion(UNPACED);
    }
}

/// Segments this connection has sent again since it was opened; None when the kernel does not tell.
#[must_use]
pub fn tcp_retransmits(socket: &impl AsRawFd) -> Option<u64> {
    // SAFETY: tcp_info is plain data for which zeroes are valid; its length is passed and respected.
    unsafe {
        let mut information = std::mem::zeroed::<libc::tcp_info>();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        let result = libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut information).cast(),
            &raw mut length,
        );
        (result == 0).then_some(u64::from(information.tcpi_total_retrans))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_not_paced_where_there_is_a_choice() {
        let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        avoid_pacing(&socket);
        assert!(!socket.tcp_congestion().unwrap().starts_with(PACED));
    }

    #[test]
    fn a_fresh_loopback_connection_has_sent_nothing_again() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(tcp_retransmits(&stream), Some(0));
    }
}
