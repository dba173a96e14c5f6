//! What a file is, by the marks that formats begin with.

use crate::Format;

/// How much of a file is looked at for its mark.
pub(crate) const HEAD: usize = 512;

/// The format, where a mark says it. Formats without one are none here: Protocol Buffers, text, pickles of protocol 0.
pub(crate) fn sniff(head: &[u8], size: u64) -> Option<Format> {
    if size == 0 {
        return Some(Format::Empty);
    }
    let at = |place: usize, mark: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(mark));
    const MARKS: &[(usize, &[u8], Format)] = &[
        (0, b"PK\x03\x04", Format::Zip),
        (0, b"PK\x05\x06", Format::Zip),
        (0, b"GGUF", Format::Gguf),
        (0, b"\x93NUMPY", Format::Numpy),
        (0, b"\x89HDF\r\n\x1a\n", Format::Hdf5),
        (4, b"ORTM", Format::Ort),
        (4, b"TFL3", Format::TfLite),
        (257, b"ustar", Format::Tar),
        (0, b"\x1f\x8b", Format::Gzip),
        (0, b"BZh", Format::Packed),
        (0, b"\xfd7zXZ\0", Format::Packed),
        (0, b"\x28\xb5\x2f\xfd", Format::Packed),
        (0, b"7z\xbc\xaf\x27\x1c", Format::Packed),
        (0, b"Rar!\x1a\x07", Format::Packed),
        (0, b"\x04\x22\x4d\x18", Format::Packed),
        (0, b"\x89PNG\r\n\x1a\n", Format::Image),
        (0, b"\xff\xd8\xff", Format::Image),
        (0, b"GIF8", Format::Image),
        (8, b"WEBP", Format::Image),
        (8, b"WAVE", Format::Sound),
        (0, b"fLaC", Format::Sound),
        (0, b"OggS", Format::Sound),
        (0, b"ID3", Format::Sound),
        (0, b"%PDF-", Format::Pdf),
        (0, b"\x7fELF", Format::Program),
        (0, b"MZ", Format::Program),
        (0, b"\xcf\xfa\xed\xfe", Format::Program),
        (0, b"\xca\xfe\xba\xbe", Format::Program),
        (0, b"\0asm", Format::Program),
    ];
    if let Some((_, _, format)) = MARKS.iter().find(|(place, mark, _)| at(*place, mark)) {
        return Some(*format);
    }
    if is_pickle(head) {
        return Some(Format::Pickle);
    }
    // Eight bytes of length, of which a text has none that is zero, and JSON.
    let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    if length.is_some_and(|length| length < 1 << 40) && head.get(8) == Some(&b'{') {
        return Some(Format::Safetensors);
    }
    let zlib = matches!(head, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]);
    zlib.then_some(Format::Zlib)
}

/// The first instruction of protocols 2 and up.
pub(crate) fn is_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}
