//! A runner that says whatever it was given to say: no protocol, no model, no sandbox.
//!
//! Its "library" holds the bytes of its greeting. The file of its model holds what follows, in pieces, each behind its
//! length (u16, little-endian): the first is sent once the model has come, the others each once something has. Then it
//! ends; with a piece `stay` at the end, it waits until the hub hangs up.

use std::fs::File;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

fn main() -> io::Result<()> {
    let library = std::env::args_os().skip_while(|arg| arg != "--library").nth(1).expect("--library");
    let mut hub = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    hub.write_all(&std::fs::read(library)?)?;
    let Some(mut model) = model(&hub)? else { return Ok(()) };
    let mut script = Vec::new();
    model.read_to_end(&mut script)?;
    let (mut rest, mut came) = (&script[..], 1);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (piece, after) = after.split_at(length);
        rest = after;
        let stay = piece == b"stay" && rest.is_empty();
        while came == 0 || stay {
            came = hub.read(&mut [0; 64 * 1024])?;
            if came == 0 {
                return Ok(());
            }
        }
        hub.write_all(piece)?;
        came = 0;
    }
    Ok(())
}

/// The model's descriptor, unless the hub hangs up before.
fn model(hub: &UnixStream) -> io::Result<Option<File>> {
    let mut bytes = [0; 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(hub, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(descriptors.flatten().last().map(File::from))
}
