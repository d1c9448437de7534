//! Known traffic: so many bytes from one program to another, evenly over a time.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{done, pace, ready, spin, wait_for_end};

/// Bytes that are handed to the kernel at once.
const CHUNK: usize = 1 << 16;
/// Payload of a datagram; below the MTU of a veth with the headers of IPv6, so that no packet is
/// cut in pieces. A cut one is counted whole where it is sent and in pieces by the receiving
/// side's IP layer.
pub const DATAGRAM: usize = 1_200;

/// Takes one connection, reads it to its end, and closes it.
///
/// # Errors
/// When the connection fails.
pub fn receive_tcp(address: IpAddr) -> Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    ready(&listener.local_addr()?.port().to_string())?;
    let (mut stream, _) = listener.accept()?;
    let mut buffer = vec![0; CHUNK];
    let mut received = 0_u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            part => received += part as u64,
        }
    }
    drop(stream);
    done(&received.to_string())
}

/// Takes datagrams until the input ends. The socket has to outlive the sender's last one: nobody
/// there would be answered with ICMP, which belongs to no cgroup.
///
/// # Errors
/// When the socket cannot be made.
pub fn receive_udp(address: IpAddr) -> Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    ready(&socket.local_addr()?.port().to_string())?;
    std::thread::spawn(move || {
        let mut buffer = [0; DATAGRAM];
        while socket.recv(&mut buffer).is_ok() {}
    });
    wait_for_end()
}

/// Sends so many bytes over TCP and takes leave in order: it waits for the other end to close
/// before it closes itself. Closed early, the kernel answers the other end's last packets without
/// a socket, and those are nobody's.
///
/// # Errors
/// When the connection fails.
pub fn send_tcp(to: SocketAddr, bytes: u64, duration: Duration) -> Result<()> {
    ready("")?;
    let mut stream = TcpStream::connect(to)?;
    evenly(bytes, CHUNK, duration, |part| stream.write_all(part))?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    drop(stream);
    done(&bytes.to_string())
}

/// A little of everything that is counted, at once.
///
/// # Errors
/// When a datagram cannot be sent over loopback.
pub fn moment() -> Result<()> {
    spin(Duration::from_millis(1));
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(&[0], socket.local_addr()?)?;
    socket.recv(&mut [0])?;
    Ok(())
}

/// Sends so many bytes in datagrams.
///
/// # Errors
/// When a datagram is refused.
pub fn send_udp(to: SocketAddr, bytes: u64, duration: Duration) -> Result<()> {
    let any: IpAddr = if to.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    ready("")?;
    evenly(bytes, DATAGRAM, duration, |part| {
        socket.send(part).map(|_| ())
    })?;
    done(&bytes.to_string())
}

fn evenly(
    bytes: u64,
    part: usize,
    duration: Duration,
    mut send: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<()> {
    let buffer = vec![0x5a; part];
    let (start, mut sent) = (Instant::now(), 0);
    while sent < bytes {
        if !duration.is_zero() {
            pace(start, duration, sent as f64 / bytes as f64);
        }
        let part = usize::try_from((bytes - sent).min(buffer.len() as u64))?;
        send(&buffer[..part])?;
        sent += part as u64;
    }
    Ok(())
}
