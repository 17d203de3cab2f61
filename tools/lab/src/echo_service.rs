//! The outside world of the ordinary network: a TCP service on the lab's address that sends back what it gets.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::error::Error;

/// The lab's address on the ordinary network.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// RFC 862.
pub const PORT: u16 = 7;

/// Starts it, in threads of its own.
pub fn start() -> Result<(), Error> {
    let listener = TcpListener::bind((ADDRESS, PORT)).map_err(|source| Error::io("listen on", ADDRESS, source))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo(stream));
        }
    });
    Ok(())
}

fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 || stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
