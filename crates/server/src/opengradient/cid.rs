//! Content ids as IPFS writes them.

use registry::Digest;

/// The CIDv1 of a content as one raw block: `b` for base32, version 1, raw, SHA-256 of 32 bytes, the digest.
pub(super) fn cid(of: Digest) -> String {
    const HEAD: [u8; 4] = [0x01, 0x55, 0x12, 0x20];
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::from("b");
    let (mut bits, mut count) = (0_u32, 0);
    for byte in HEAD.into_iter().chain(of.0) {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(LETTERS[(bits >> count & 31) as usize]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(char::from(LETTERS[(bits << (5 - count) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_have_the_ids_that_ipfs_gives_them() {
        for (content, known) in [
            ("", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
            ("hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        ] {
            assert_eq!(cid(Digest::of(content.as_bytes())), known, "{content:?}");
        }
    }
}
